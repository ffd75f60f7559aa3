#pragma once

#include <filesystem>
#include <string>

namespace autoresearch {

/// A new folder of this name and the time in .autoresearch/by-hand/, where the newest ten stay.
std::filesystem::path by_hand_directory(const std::filesystem::path& repository, const std::string& name);

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

// What differs between operating systems, for the command. One implementation file for each.

namespace autoresearch::platform {

/// The running program's own file, links resolved.
std::filesystem::path self();
/// The preset for this machine when the user names none: mps, cuda or cpu.
std::string default_preset();
/// For `doctor`, for example "Apple M3 Max, 36 GiB".
std::string machine();
std::int64_t memory_bytes();
/// The command that installs what is missing, for hints.
std::string install_hint();

}  // namespace autoresearch::platform

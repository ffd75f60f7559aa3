#pragma once

#include <filesystem>
#include <string>

namespace autoresearch {

/// GiB that can be written at `place`, or where it is going to be made.
double free_gib(std::filesystem::path place);

/// What the next experiments of a run need of the disk, and what is free, for a person: measured where the
/// run has some, otherwise as usual. Throws UserError where less is free than a run goes on with.
std::string disk_note(const std::filesystem::path& run_directory);

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace autoresearch {

using Counts = std::map<std::string, std::int64_t>;  // of what was passed over, by why

inline constexpr const char* kWhatIsRead =
    "give a text or jsonl file (also .gz, .zst), a parquet file, a folder with such files, or a quoted glob";

/// Throws UserError for kinds that nothing here can read, by name.
void check_kind(const std::filesystem::path& file);

/// All files below a folder that are `wanted`, in a fixed order. Links to folders are followed; no folder is
/// read twice. Counts the others: hidden ones, and what is not wanted.
std::vector<std::filesystem::path> files_below(
    const std::filesystem::path& folder, const std::function<bool(const std::filesystem::path&)>& wanted,
    Counts& skipped);

/// The paths of "{a,b}", which several words after --corpus become; otherwise the one that it is.
std::vector<std::string> paths_of(const std::string& corpus);

/// The files of a file, a folder or a glob (with ~, ** and {a,b}), or of several of these as paths_of() has
/// them; empty when there is nothing of that name. Throws UserError for one of several that finds nothing.
/// In folders those whose extension says text, and .json files with a text in `field`.
std::vector<std::filesystem::path> local_files(const std::string& path, const std::string& field,
                                               Counts& skipped);

}  // namespace autoresearch

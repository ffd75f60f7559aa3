#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

// What comes back from a place where somebody else could write (an agent's desk, a candidate's folder) is
// taken as a plain file, or not at all: never through a link, nor by another name of a private file, never
// waited for, and no more of it than is wanted.
namespace autoresearch {

/// A file's text, or what was there in its place.
struct PlainFile {
    std::optional<std::string> text;
    bool missing = false;
    std::string instead;  // for a person: "missing", "47 MiB large", ...
};

/// `name` is a path in the folder; neither it nor the folder itself may lead through a link. At most `limit`
/// bytes.
PlainFile take_plain_file(const std::filesystem::path& folder, const std::filesystem::path& name,
                          std::uintmax_t limit);

/// The same of a file in the folder that the path names.
inline PlainFile take_plain_file(const std::filesystem::path& file, std::uintmax_t limit) {
    return take_plain_file(file.parent_path(), file.filename(), limit);
}

/// Copies such a file to a place of ours, where it replaces what is there; the copy may be run if the
/// original may. Returns what was there instead of a plain file; empty when it is copied. Throws
/// std::system_error when the copy cannot be written.
std::string copy_plain_file(const std::filesystem::path& from, const std::filesystem::path& to,
                            std::uintmax_t limit);

}  // namespace autoresearch

#pragma once

#include <filesystem>
#include <string>

namespace autoresearch {

/// The digest (XXH3, 128 bits: what `xxh128sum` prints) of a file's bytes, or of the names in a folder, but
/// for hidden ones; empty if it cannot be read now. Read again only when size, inode or times have changed
/// since the last call: whoever writes to a file can set its mtime back, but not its ctime.
std::string file_digest(const std::filesystem::path& file);

}  // namespace autoresearch

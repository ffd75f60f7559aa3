#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace autoresearch {

/// BLAKE2b with 256 bits, as 64 hex digits: what `b2sum -l 256` prints. Unlike xxh64, nobody can make other
/// bytes with the same digest.
std::string blake2b(std::string_view bytes);

/// The digest of a file's bytes, or of the names in a folder, but for hidden ones; empty if it cannot be read
/// now. Read again only when size, inode or times have changed since the last call: whoever writes to a file
/// can set its mtime back, but not its ctime.
std::string file_digest(const std::filesystem::path& file);

}  // namespace autoresearch

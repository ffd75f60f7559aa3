#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "util/fd.h"

namespace autoresearch {

/// Throws std::system_error for errno.
[[noreturn]] void throw_errno(const std::string& what);

/// open(2), closed on exec, mode 0666 less umask; throws std::system_error that names the path, also for a
/// named pipe, which nobody waits for.
Fd open_file(const std::filesystem::path& path, int flags);

/// The same, to write a file of ours: whatever else somebody put in its place is removed.
Fd open_own_file(const std::filesystem::path& path, int flags);

/// Replaces a whole file or leaves it as it was: the text goes to a temporary file in the same folder, is
/// flushed to disk, and renamed over the target. Once this returns, the new text survives a power cut. Throws
/// std::system_error, with the path in its text, when the disk refuses.
void write_file_atomically(const std::filesystem::path& target, std::string_view text);

/// Replaces a file of ours the simple way, for what need not survive a crash. Throws std::system_error.
void write_file(const std::filesystem::path& target, std::string_view text);

/// Makes a file hold `text`. Where its first `known` bytes are in it already, and nothing else, the rest is
/// appended and need not survive a power cut; else it is replaced as a whole.
void extend_file(const std::filesystem::path& target, std::string_view text, std::size_t known);

/// Writes all of the text to the descriptor, despite interruptions; throws std::system_error naming `what`.
void write_all(int fd, std::string_view text, const std::string& what);

/// An fsync that reaches the disk (F_FULLFSYNC where available); throws std::system_error naming `what`.
void flush_to_disk(int fd, const std::string& what);

/// Takes an exclusive lock on a file, creating it if needed; another user's will do. While another process
/// holds it, calls waiting() ten times a second; an exception from it ends the wait. The kernel releases the
/// lock when the process ends, however it ends.
Fd wait_for_lock(const std::filesystem::path& file, const std::function<void()>& waiting);

/// Makes the folder, and those above it, where missing. Each gets the rights of the one it is in, so that
/// what is shared stays shared.
void make_folder_like_parent(const std::filesystem::path& folder);

/// Makes a rename or a new file in this directory survive a power cut.
void flush_directory(const std::filesystem::path& directory);

}  // namespace autoresearch

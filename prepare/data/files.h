#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace autoresearch {

/// An open file descriptor, closed at the end.
class FileDescriptor {
  public:
    explicit FileDescriptor(int fd = -1) : fd_(fd) {}
    ~FileDescriptor();
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    int get() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }

  private:
    int fd_;
};

/// UserError that names the file and what errno says, with a hint where the cause is a usual one.
[[noreturn]] void throw_file_error(const std::string& what, const std::filesystem::path& file, int error);

/// The whole file. Throws UserError when it cannot be read or is not a regular file.
std::string read_whole_file(const std::filesystem::path& file);

/// Either all of `bytes` is on the disk under that name afterwards, or the file is as it was before.
void write_whole_file(const std::filesystem::path& file, std::string_view bytes);

/// Makes renames in this directory lasting.
void sync_directory(const std::filesystem::path& directory);

/// A file that is written from front to back through a buffer, and whose head may be written over at the end.
class OutputFile {
  public:
    explicit OutputFile(const std::filesystem::path& file);
    void append(std::string_view bytes);
    /// Flushes, writes `head` over the first bytes and waits until all is on the disk. No append after it.
    void finish(std::string_view head);

  private:
    void flush();
    std::filesystem::path file_;
    FileDescriptor fd_;
    std::string buffer_;
};

/// An advisory lock on a file, held until the end of the object or of the process, however that comes.
class FileLock {
  public:
    /// Waits for it. The file is made if need be.
    static FileLock wait(const std::filesystem::path& file);
    /// Nothing when another process or object holds it.
    static std::optional<FileLock> try_now(const std::filesystem::path& file);

  private:
    explicit FileLock(FileDescriptor fd) : fd_(std::move(fd)) {}
    FileDescriptor fd_;
};

}  // namespace autoresearch

#include "prepare/data/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "autoresearch/error.h"

namespace autoresearch {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

FileDescriptor open_or_throw(const std::filesystem::path& file, int flags, const std::string& what) {
    FileDescriptor fd(::open(file.c_str(), flags | O_CLOEXEC, 0666));
    if (!fd.is_open()) throw_file_error(what, file, errno);
    return fd;
}

void write_all(int fd, std::string_view bytes, off_t at, const std::filesystem::path& file) {
    while (!bytes.empty()) {
        const ssize_t written =
            at < 0 ? ::write(fd, bytes.data(), bytes.size()) : ::pwrite(fd, bytes.data(), bytes.size(), at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw_file_error("cannot write", file, errno);
        bytes.remove_prefix(static_cast<std::size_t>(written));
        if (at >= 0) at += written;
    }
}

void sync(int fd, const std::filesystem::path& file) {
    // Some file systems cannot sync at all; that is no reason to fail.
    if (::fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        throw_file_error("cannot write", file, errno);
}

}  // namespace

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

void throw_file_error(const std::string& what, const std::filesystem::path& file, int error) {
    std::string hint;
    if (error == ENOSPC || error == EDQUOT) hint = "free some space, or choose another folder for the data";
    if (error == EACCES || error == EPERM) hint = "check who may read and write it";
    if (error == ENOENT) hint = "check the spelling";
    throw UserError(what + " " + file.string() + ": " + std::strerror(error), hint);
}

std::string read_whole_file(const std::filesystem::path& file) {
    // Without O_NONBLOCK a named pipe would be waited for.
    const FileDescriptor fd = open_or_throw(file, O_RDONLY | O_NONBLOCK, "cannot read");
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) throw_file_error("cannot read", file, errno);
    if (!S_ISREG(status.st_mode)) throw UserError("cannot read " + file.string() + ": not a regular file");
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t size = 0;
    while (true) {
        if (size == text.size())
            text.resize(size + 4096);  // one read more tells the end, or that the file grows
        const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw_file_error("cannot read", file, errno);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return text;
}

void write_whole_file(const std::filesystem::path& file, std::string_view bytes) {
    std::filesystem::path temporary = file;
    temporary += ".tmp" + std::to_string(::getpid());
    try {
        OutputFile out(temporary);
        out.append(bytes);
        out.finish("");
        if (::rename(temporary.c_str(), file.c_str()) != 0) throw_file_error("cannot write", file, errno);
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    sync_directory(file.parent_path());
}

void sync_directory(const std::filesystem::path& directory) {
    const FileDescriptor fd = open_or_throw(directory.empty() ? "." : directory, O_RDONLY, "cannot open");
    sync(fd.get(), directory);
}

OutputFile::OutputFile(const std::filesystem::path& file)
    : file_(file), fd_(open_or_throw(file, O_WRONLY | O_CREAT | O_TRUNC, "cannot write")) {}

void OutputFile::append(std::string_view bytes) {
    buffer_.append(bytes);
    if (buffer_.size() >= kBufferBytes) flush();
}

void OutputFile::flush() {
    write_all(fd_.get(), buffer_, -1, file_);
    buffer_.clear();
}

void OutputFile::finish(std::string_view head) {
    flush();
    write_all(fd_.get(), head, 0, file_);
    sync(fd_.get(), file_);
}

FileLock FileLock::wait(const std::filesystem::path& file) {
    FileDescriptor fd = open_or_throw(file, O_RDWR | O_CREAT, "cannot lock");
    while (::flock(fd.get(), LOCK_EX) != 0)
        if (errno != EINTR) throw_file_error("cannot lock", file, errno);
    return FileLock(std::move(fd));
}

std::optional<FileLock> FileLock::try_now(const std::filesystem::path& file) {
    FileDescriptor fd = open_or_throw(file, O_RDWR | O_CREAT, "cannot lock");
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(fd));
    if (errno != EWOULDBLOCK) throw_file_error("cannot lock", file, errno);
    return std::nullopt;
}

}  // namespace autoresearch

#include "util/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <thread>

namespace autoresearch {

void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

Fd open_file(const std::filesystem::path& path, int flags) {
    Fd fd(::open(path.c_str(), flags | O_CLOEXEC, 0644));
    if (!fd) throw_errno("cannot open " + path.string());
    return fd;
}

void write_all(int fd, std::string_view text, const std::string& what) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw_errno("cannot write " + what);
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

void write_file(const std::filesystem::path& target, std::string_view text) {
    write_all(open_file(target, O_WRONLY | O_CREAT | O_TRUNC).get(), text, target.string());
}

void flush_to_disk(int fd, const std::string& what) {
#ifdef F_FULLFSYNC
    // On macOS fsync leaves the data in the drive's own cache.
    if (::fcntl(fd, F_FULLFSYNC) == 0) return;
#endif
    if (::fsync(fd) != 0) throw_errno("cannot flush " + what);
}

void flush_directory(const std::filesystem::path& directory) {
    const std::filesystem::path path = directory.empty() ? "." : directory;
    const Fd fd = open_file(path, O_RDONLY);
    // Some file systems cannot flush a directory; the rename is then only as safe as they make it.
    if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOTSUP)
        throw_errno("cannot flush " + path.string());
}

Fd wait_for_lock(const std::filesystem::path& file, const std::function<void()>& waiting) {
    std::filesystem::create_directories(file.parent_path());
    Fd lock = open_file(file, O_RDWR | O_CREAT);
    while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) throw_errno("cannot lock " + file.string());
        waiting();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return lock;
}

void write_file_atomically(const std::filesystem::path& target, std::string_view text) {
    std::string temporary = target.string() + ".tmp.XXXXXX";
    const Fd fd(::mkstemp(temporary.data()));
    if (!fd) throw_errno("cannot write beside " + target.string());
    ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
    try {
        write_all(fd.get(), text, target.string());
        // mkstemp's files are private to the owner; a replaced file keeps its mode, a new one gets the usual
        // one.
        struct stat status{};
        const mode_t mode = ::stat(target.c_str(), &status) == 0 ? (status.st_mode & 07777) : 0644;
        if (::fchmod(fd.get(), mode) != 0) throw_errno("cannot set the mode of " + temporary);
        flush_to_disk(fd.get(), temporary);
        if (::rename(temporary.c_str(), target.c_str()) != 0)
            throw_errno("cannot replace " + target.string());
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    flush_directory(target.parent_path());
}

void extend_file(const std::filesystem::path& target, std::string_view text, std::size_t known) {
    std::error_code missing;
    if (known == 0 || std::filesystem::file_size(target, missing) != known)
        return write_file_atomically(target, text);
    write_all(open_file(target, O_WRONLY | O_APPEND).get(), text.substr(known), target.string());
}

}  // namespace autoresearch

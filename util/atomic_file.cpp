#include "util/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <random>
#include <system_error>
#include <thread>

#include "util/tree.h"

namespace autoresearch {

void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

Fd open_file(const std::filesystem::path& path, int flags) {
    Fd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0666));
    struct stat status{};
    if (fd && ::fstat(fd.get(), &status) == 0 && S_ISFIFO(status.st_mode)) {
        fd.reset();
        errno = ENXIO;  // as for a writer whom nobody reads
    }
    if (!fd) throw_errno("cannot open " + path.string());
    return fd;
}

Fd open_own_file(const std::filesystem::path& path, int flags) {
    make_way(path);
    return open_file(path, flags | O_NOFOLLOW);
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
    write_all(open_own_file(target, O_WRONLY | O_CREAT | O_TRUNC).get(), text, target.string());
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
    // Another user's lock, or one on a disk that is mounted read-only, can still be opened for reading.
    Fd lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666));
    const int why = errno;
    if (!lock) lock = Fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!lock) throw std::system_error(why, std::generic_category(), "cannot open " + file.string());
    while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) throw_errno("cannot lock " + file.string());
        waiting();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return lock;
}

void make_folder_like_parent(const std::filesystem::path& folder) {
    const std::filesystem::path parent = folder.parent_path();
    if (parent.empty() || std::filesystem::exists(folder)) return;
    make_folder_like_parent(parent);
    std::error_code no_modes_here;
    if (std::filesystem::create_directory(folder))
        std::filesystem::permissions(folder, std::filesystem::status(parent).permissions(), no_modes_here);
}

void write_file_atomically(const std::filesystem::path& target, std::string_view text) {
    // Not mkstemp: open() gives a new file the rights that umask and folder say.
    std::random_device random;
    const std::string temporary =
        target.string() + ".tmp." + std::to_string(random()) + std::to_string(random());
    const Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!fd) throw_errno("cannot write beside " + target.string());
    try {
        // A replaced file keeps its mode, where the file system has modes: a private text is never seen.
        struct stat status{};
        if (::stat(target.c_str(), &status) == 0 && ::fchmod(fd.get(), status.st_mode & 07777) != 0 &&
            errno != EPERM && errno != ENOTSUP && errno != ENOSYS)
            throw_errno("cannot set the mode of " + temporary);
        write_all(fd.get(), text, target.string());
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

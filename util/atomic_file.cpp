#include "util/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

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
    // Some file systems cannot flush a directory; the rename is then as safe as they make it.
    if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOTSUP)
        throw_errno("cannot flush " + path.string());
}

AtomicFile::AtomicFile(std::filesystem::path target)
    : target_(std::move(target)), temporary_(target_.string() + ".tmp.XXXXXX") {
    fd_.reset(::mkstemp(temporary_.data()));
    if (!fd_) throw_errno("cannot write beside " + target_.string());
    ::fcntl(fd_.get(), F_SETFD, FD_CLOEXEC);
}

AtomicFile::~AtomicFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view text) {
    write_all(fd_.get(), text, target_.string());
}

void AtomicFile::commit() {
    // mkstemp's files are the owner's alone; a replaced file keeps its mode, a new one gets the usual one.
    struct stat status{};
    const mode_t mode = ::stat(target_.c_str(), &status) == 0 ? (status.st_mode & 07777) : 0644;
    if (::fchmod(fd_.get(), mode) != 0) throw_errno("cannot set the mode of " + temporary_);
    flush_to_disk(fd_.get(), temporary_);
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) throw_errno("cannot replace " + target_.string());
    temporary_.clear();
    fd_.reset();
    flush_directory(target_.parent_path());
}

void write_file_atomically(const std::filesystem::path& target, std::string_view text) {
    AtomicFile file(target);
    file.write(text);
    file.commit();
}

}  // namespace autoresearch

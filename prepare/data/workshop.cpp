#include "prepare/data/workshop.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "util/atomic_file.h"

namespace autoresearch {

namespace fs = std::filesystem;

Fd wait_for_lock(const fs::path& file, const std::function<void()>& waiting) {
    fs::create_directories(file.parent_path());
    Fd lock = open_file(file, O_RDWR | O_CREAT);
    while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) throw_errno("cannot lock " + file.string());
        waiting();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return lock;
}

Workshop::Workshop(const fs::path& data_root, const std::function<void()>& waiting)
    : root_(data_root), path_(data_root / ".building"), lock_(wait_for_lock(data_root / ".lock", waiting)) {
    fs::remove_all(path_);
    fs::create_directory(path_);
}

Workshop::~Workshop() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

void Workshop::publish(const std::string& name) {
    flush_directory(path_);
    fs::remove_all(root_ / name);
    fs::rename(path_, root_ / name);
    flush_directory(root_);
}

}  // namespace autoresearch

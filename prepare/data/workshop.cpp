#include "prepare/data/workshop.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>

#include "autoresearch/error.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = ".building-";
constexpr const char* kAliveFile = "lock";      // in a workshop: locked while its process lives
constexpr const char* kRootLockFile = ".lock";  // guards making, removing and renaming workshops

fs::path fresh_name(const fs::path& root) {
    static std::atomic<int> count{0};
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    return root /
           (kPrefix + std::to_string(::getpid()) + "-" + std::to_string(now) + "-" + std::to_string(++count));
}

/// Only with the root lock held: a workshop has its own lock whenever the root lock is free.
void remove_leftovers(const fs::path& root) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(root, ignored)) {
        if (entry.path().filename().string().rfind(kPrefix, 0) != 0 || !entry.is_directory(ignored)) continue;
        if (FileLock::try_now(entry.path() / kAliveFile)) fs::remove_all(entry.path(), ignored);
    }
}

}  // namespace

Workshop::Workshop(const fs::path& data_root) : root_(data_root), path_(fresh_name(data_root)) {
    std::error_code error;
    fs::create_directories(root_, error);
    if (error) throw_file_error("cannot make folder", root_, error.value());
    const FileLock root_lock = FileLock::wait(root_ / kRootLockFile);
    remove_leftovers(root_);
    if (!fs::create_directory(path_, error)) throw_file_error("cannot make folder", path_, error.value());
    alive_ = FileLock::try_now(path_ / kAliveFile);
}

Workshop::~Workshop() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

void Workshop::publish(const std::string& name) {
    const FileLock root_lock = FileLock::wait(root_ / kRootLockFile);
    const fs::path target = root_ / name;
    std::error_code error;
    const fs::path old = fresh_name(root_);
    if (fs::exists(target, error)) {
        fs::rename(target, old, error);
        if (error) throw_file_error("cannot replace", target, error.value());
    }
    fs::remove(path_ / kAliveFile, error);
    sync_directory(path_);
    fs::rename(path_, target, error);
    if (error) throw_file_error("cannot rename to", target, error.value());
    fs::remove_all(old, error);
    alive_.reset();
    sync_directory(root_);
}

}  // namespace autoresearch

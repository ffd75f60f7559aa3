#include "util/temporary_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <system_error>

#include "util/tree.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "autoresearch.";

/// Open and locked; nothing if somebody else holds it, or it is not ours.
Fd try_lock(const std::string& folder) {
    Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat info{};
    const bool ours = fd && ::fstat(fd.get(), &info) == 0 && info.st_uid == ::geteuid();
    return ours && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 ? std::move(fd) : Fd();
}

}  // namespace

void sweep_temporary_folders(const fs::path& parent, std::time_t young) {
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(parent, unreadable)) {
        const std::string path = entry.path().string();
        struct stat info{};
        const bool old = ::lstat(path.c_str(), &info) == 0 && std::time(nullptr) - info.st_ctime >= young;
        if (!old || !entry.path().filename().string().starts_with(kPrefix)) continue;
        if (const Fd lock = try_lock(path)) remove_tree(path);
    }
}

TemporaryFolder::TemporaryFolder(const std::string& name) {
    const fs::path parent = fs::canonical(fs::temp_directory_path());
    [[maybe_unused]] static const bool swept = (sweep_temporary_folders(parent), true);
    path_ = (parent / (kPrefix + name + "-XXXXXX")).string();
    if (::mkdtemp(path_.data()) == nullptr)
        throw std::system_error(errno, std::generic_category(), "cannot make the folder " + path_);
    lock_ = try_lock(path_);
}

TemporaryFolder::~TemporaryFolder() {
    remove_tree(path_);
}

}  // namespace autoresearch

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

constexpr const char* kRandom = "-XXXXXX";

/// Of this host: a folder for temporary files may be shared with others, whose locks do not show here.
std::string prefix() {
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    return std::string("autoresearch.") + host + ".";
}

bool is_one(const std::string& name) {
    const std::string_view random = kRandom;
    return name.starts_with(prefix()) && name.size() > prefix().size() + random.size() &&
           name[name.size() - random.size()] == random[0];
}

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
    for (fs::directory_iterator entry(parent, unreadable), end; !unreadable && entry != end;
         entry.increment(unreadable)) {
        const std::string path = entry->path().string();
        struct stat info{};
        const bool old = ::lstat(path.c_str(), &info) == 0 && std::time(nullptr) - info.st_ctime >= young;
        if (!old || !is_one(entry->path().filename().string())) continue;
        if (const Fd lock = try_lock(path)) remove_tree(path);
    }
}

TemporaryFolder::TemporaryFolder(const std::string& name) {
    const fs::path parent = fs::canonical(fs::temp_directory_path());
    [[maybe_unused]] static const bool swept = (sweep_temporary_folders(parent), true);
    path_ = (parent / (prefix() + name + kRandom)).string();
    if (::mkdtemp(path_.data()) == nullptr)
        throw std::system_error(errno, std::generic_category(), "cannot make the folder " + path_);
    lock_ = try_lock(path_);
}

TemporaryFolder::~TemporaryFolder() {
    remove_tree(path_);
}

}  // namespace autoresearch

#include "util/tree.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

namespace autoresearch {
namespace {

std::vector<std::string> names_in(const Fd& folder) {
    std::vector<std::string> names;
    Fd again = open_folder(folder.get(), ".");  // with a position of its own
    if (!again) return names;
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(again.get()), ::closedir);
    if (!list) return names;
    again.release();
    while (const dirent* entry = ::readdir(list.get())) {  // NOLINT(concurrency-mt-unsafe): our own list
        std::string name = entry->d_name;
        if (name != "." && name != "..") names.push_back(std::move(name));
    }
    return names;
}

void walk(const Fd& folder, const std::string& prefix, const Visit& visit) {
    for (const std::string& name : names_in(folder)) {
        struct stat status{};
        if (::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (!visit(prefix + name, status) || !S_ISDIR(status.st_mode)) continue;
        if (const Fd inner = open_folder(folder.get(), name)) walk(inner, prefix + name + "/", visit);
    }
}

/// A folder that may be emptied, whatever rights somebody took away from us.
bool open_up(int in, const std::string& name) {
    struct stat status{};
    return ::fstatat(in, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode) &&
           ::fchmodat(in, name.c_str(), S_IRWXU, 0) == 0;
}

/// A folder that is being emptied.
struct Level {
    Level(std::string its_name, const Fd& folder) : name(std::move(its_name)), left(names_in(folder)) {
        ::fstat(folder.get(), &status);
    }
    bool is(const Fd& folder) const {
        struct stat now{};
        return ::fstat(folder.get(), &now) == 0 && now.st_dev == status.st_dev && now.st_ino == status.st_ino;
    }
    std::string name;
    std::vector<std::string> left;
    struct stat status{};
};

/// Down into each folder and up again: no depth needs more than two descriptors. Ends where a folder turns
/// out to have been moved elsewhere.
void empty(const std::filesystem::path& root) {
    Fd at = open_folder(AT_FDCWD, root);
    std::vector<Level> levels;
    if (at) levels.emplace_back("", at);
    while (at && !levels.empty()) {
        Level& level = levels.back();
        if (level.left.empty()) {
            const std::string done = std::move(level.name);
            levels.pop_back();
            at = open_folder(at.get(), "..");
            if (!at || levels.empty() || !levels.back().is(at)) return;
            ::unlinkat(at.get(), done.c_str(), AT_REMOVEDIR);
            continue;
        }
        std::string name = std::move(level.left.back());
        level.left.pop_back();
        if (::unlinkat(at.get(), name.c_str(), 0) == 0 || !open_up(at.get(), name)) continue;
        if (Fd inner = open_folder(at.get(), name)) {
            levels.emplace_back(std::move(name), inner);
            at = std::move(inner);
        }
    }
}

}  // namespace

Fd open_folder(int in, const std::string& name) {
    return Fd(::openat(in, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

void walk_tree(const std::filesystem::path& root, const Visit& visit) {
    if (const Fd folder = open_folder(AT_FDCWD, root)) walk(folder, "", visit);
}

bool remove_tree(const std::filesystem::path& path) {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return true;
    if (open_up(AT_FDCWD, path)) empty(path);
    return ::rmdir(path.c_str()) == 0;
}

void make_way(const std::filesystem::path& file) {
    struct stat status{};
    if (::lstat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) remove_tree(file);
}

std::filesystem::path real_path(const std::filesystem::path& path) {
    std::error_code unknown;
    const auto real = std::filesystem::weakly_canonical(std::filesystem::absolute(path), unknown);
    if (unknown) return path;
    return real.has_filename() || real == real.root_path() ? real : real.parent_path();
}

bool is_within(const std::filesystem::path& path, const std::filesystem::path& folder) {
    return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

}  // namespace autoresearch

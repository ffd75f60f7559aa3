#include "util/tree.h"

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <vector>

namespace autoresearch {
namespace {

std::vector<std::string> names_in(const Fd& folder) {
    std::vector<std::string> names;
    Fd again = open_folder(folder.get(), ".");  // with a position of its own
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

/// Under the first free number.
bool move_up(const Fd& from, const std::string& name, const Fd& to, int& number) {
    do {
        if (::renameat(from.get(), name.c_str(), to.get(), std::to_string(number++).c_str()) == 0)
            return true;
    } while (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR);
    return false;
}

/// Whether anything is done: a file is gone, or a folder is nearer to the root.
bool take_away(const Fd& root, const std::string& name, int& number) {
    if (::unlinkat(root.get(), name.c_str(), 0) == 0) return true;
    if (!open_up(root.get(), name)) return false;
    const Fd folder = open_folder(root.get(), name);
    if (!folder) return false;
    bool done = false;
    for (const std::string& inner : names_in(folder)) {
        if (::unlinkat(folder.get(), inner.c_str(), 0) == 0 ||
            (open_up(folder.get(), inner) && move_up(folder, inner, root, number)))
            done = true;
    }
    return ::unlinkat(root.get(), name.c_str(), AT_REMOVEDIR) == 0 || done;
}

}  // namespace

Fd open_folder(int in, const std::string& name) {
    return Fd(::openat(in, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

void walk_tree(const std::filesystem::path& root, const Visit& visit) {
    if (const Fd folder = open_folder(AT_FDCWD, root)) walk(folder, "", visit);
}

/// Folders move up to the root's level before they are emptied, so that no depth needs more descriptors.
bool remove_tree(const std::filesystem::path& path) {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return true;
    if (!open_up(AT_FDCWD, path)) return false;
    if (const Fd root = open_folder(AT_FDCWD, path)) {
        int number = 0;
        for (bool done = true; done;) {
            done = false;
            for (const std::string& name : names_in(root)) done = take_away(root, name, number) || done;
        }
    }
    return ::rmdir(path.c_str()) == 0;
}

void make_way(const std::filesystem::path& file) {
    struct stat status{};
    if (::lstat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) remove_tree(file);
}

}  // namespace autoresearch

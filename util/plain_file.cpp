#include "util/plain_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <functional>
#include <string_view>

#include "util/atomic_file.h"
#include "util/tree.h"

namespace autoresearch {
namespace fs = std::filesystem;
namespace {

struct Opened {
    Fd fd;
    struct stat status{};
    PlainFile none;  // what was there, where there is no descriptor
};

std::string too_large(std::uintmax_t bytes) {
    return std::to_string(bytes >> 20) + " MiB large";
}

/// errno says why not.
Fd open_inside(const fs::path& folder, const fs::path& name) {
    Fd at = open_folder(AT_FDCWD, folder.empty() ? "." : folder.string());
    for (const fs::path& part : name.parent_path())
        if (at) at = open_folder(at.get(), part);
    if (!at) return {};
    return Fd(::openat(at.get(), name.filename().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

Opened open_plain(const fs::path& folder, const fs::path& name, std::uintmax_t limit) {
    Opened opened{open_inside(folder, name), {}, {}};
    const bool missing = !opened.fd && errno == ENOENT;
    opened.none = {std::nullopt, missing, missing ? "missing" : "something other than a plain file"};
    struct stat& status = opened.status;
    if (!opened.fd) return opened;
    if (::fstat(opened.fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1) {
        opened.fd.reset();
    } else if (const auto bytes = static_cast<std::uintmax_t>(status.st_size); bytes > limit) {
        opened.none.instead = too_large(bytes);
        opened.fd.reset();
    }
    return opened;
}

/// What was there instead; empty when it is read. The size that its status told need not stay true.
std::string read_plain(const Fd& file, std::uintmax_t limit,
                       const std::function<void(std::string_view)>& sink) {
    std::string buffer(1 << 20, '\0');
    std::uintmax_t bytes = 0;
    while (true) {
        const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return "unreadable";
        if (count == 0) return "";
        bytes += static_cast<std::uintmax_t>(count);
        if (bytes > limit) return too_large(bytes);
        sink(std::string_view(buffer).substr(0, static_cast<std::size_t>(count)));
    }
}

}  // namespace

PlainFile take_plain_file(const fs::path& folder, const fs::path& name, std::uintmax_t limit) {
    Opened opened = open_plain(folder, name, limit);
    if (!opened.fd) return std::move(opened.none);
    PlainFile taken{"", false, ""};
    taken.instead = read_plain(opened.fd, limit, [&](std::string_view part) { *taken.text += part; });
    if (!taken.instead.empty()) taken.text.reset();
    return taken;
}

std::string copy_plain_file(const fs::path& from, const fs::path& to, std::uintmax_t limit) {
    const Opened opened = open_plain(from.parent_path(), from.filename(), limit);
    if (!opened.fd) return opened.none.instead;
    remove_tree(to);
    const mode_t mode = (opened.status.st_mode & S_IXUSR) != 0 ? 0777 : 0666;
    const Fd copy(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!copy) throw_errno("cannot open " + to.string());
    std::string instead = read_plain(
        opened.fd, limit, [&](std::string_view part) { write_all(copy.get(), part, to.string()); });
    if (!instead.empty()) remove_tree(to);
    return instead;
}

}  // namespace autoresearch

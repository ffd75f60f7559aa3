#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "box/landlock_linux.h"
#include "box/seccomp_linux.h"
#include "util/tree.h"

namespace autoresearch::platform {
namespace {

namespace fs = std::filesystem;

/// Programs, libraries and what they look up; nothing of a person, no service, no settings that hold keys.
constexpr const char* kSystem[] = {"/usr",
                                   "/bin",
                                   "/sbin",
                                   "/lib",
                                   "/lib32",
                                   "/lib64",
                                   "/etc/alternatives",
                                   "/etc/ld.so.cache",
                                   "/etc/ld.so.conf",
                                   "/etc/ld.so.conf.d",
                                   "/etc/localtime",
                                   "/etc/locale.alias",
                                   "/etc/passwd",
                                   "/etc/group",
                                   "/sys/devices/system",
                                   "/sys/fs/cgroup"};
constexpr const char* kForNetwork[] = {
    "/etc/resolv.conf",     "/etc/hosts", "/etc/nsswitch.conf",  "/etc/ssl",
    "/etc/ca-certificates", "/etc/pki",   "/run/systemd/resolve"};
constexpr const char* kForGpu[] = {"/sys", "/usr/lib/wsl", "/opt/cuda"};

/// A place that lies in none that is shown needs no hiding, which would tell that it is there.
void drop_what_is_hidden_anyway(std::vector<Place>& places) {
    std::vector<Place> kept;
    for (const Place& place : places)
        if (place.access != Access::hidden || std::any_of(kept.begin(), kept.end(), [&](const Place& above) {
                return above.access != Access::hidden && is_within(place.path, above.path);
            }))
            kept.push_back(place);
    places = std::move(kept);
}

/// bubblewrap's arguments for one place.
void show(const Place& place, const Box& box, std::vector<std::string>& line) {
    const std::string path = place.path.string();
    const bool folder = fs::is_directory(place.path);
    const auto add = [&](std::initializer_list<std::string> words) {
        line.insert(line.end(), words.begin(), words.end());
    };
    if (place.access == Access::write)
        return add({"--bind-try", place.from.empty() ? path : place.from.string(), path});
    if (place.access == Access::scratch)
        return add({"--size", std::to_string(box.scratch_mb << 20), "--tmpfs", path});
    if (place.access == Access::read) {
        if (fs::is_symlink(place.path) && place.path.parent_path() == place.path.root_path())
            return add({"--symlink", fs::read_symlink(place.path).string(), path});
        return add({"--ro-bind-try", path, path});
    }
    if (!folder) return add({"--ro-bind", "/dev/null", path});
    add({"--perms", "0555", "--size", "1048576", "--tmpfs", path});
}

/// What lies in /proc beside the processes.
std::vector<std::string> of_the_kernel() {
    std::vector<std::string> paths;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        const std::string name = entry.path().filename().string();
        const bool of_process = name.find_first_not_of("0123456789") == std::string::npos;
        if (!of_process && !entry.is_symlink(gone)) paths.push_back(entry.path().string());
    }
    return paths;
}

std::vector<std::string> bubblewrap(const Box& box, int filter) {
    std::vector<std::string> line = {
        "bwrap",         "--unshare-user", "--disable-userns", "--cap-drop",        "ALL",
        "--unshare-pid", "--unshare-ipc",  "--unshare-uts",    "--die-with-parent", "--new-session"};
    const auto add = [&](std::initializer_list<std::string> words) {
        line.insert(line.end(), words.begin(), words.end());
    };
    if (!box.network) add({"--unshare-net"});
    const std::vector<Place> places = all_places(box);
    const bool whole = !places.empty() && places.front().path == "/";
    if (whole) show(places.front(), box, line);
    add({"--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", "67108864", "--tmpfs", "/dev/shm"});
    for (const Place& place : places)
        if (place.path != "/") show(place, box, line);
    if (box.gpu)
        for (const std::string& path : gpu_devices()) add({"--dev-bind", path, path});
    // Root keeps its number, and by it the right to write the kernel's settings, without any capability.
    add({"--remount-ro", "/dev"});
    if (!box.gpu)
        add({"--remount-ro", "/proc"});
    else  // CUDA writes to the files of its own process: it names its threads
        for (const std::string& path : of_the_kernel()) add({"--ro-bind", path, path});
    if (!whole) add({"--remount-ro", "/"});
    if (filter >= 0) add({"--seccomp", std::to_string(filter)});
    char folder[4096];
    if (::getcwd(folder, sizeof folder) != nullptr) add({"--chdir", folder});
    add({"--"});
    return line;
}

}  // namespace

std::vector<Place> all_places(const Box& box) {
    std::vector<Place> all;
    const bool whole = std::any_of(box.places.begin(), box.places.end(),
                                   [](const Place& place) { return place.path == "/"; });
    if (!whole)
        for (const char* path : kSystem) all.push_back({path, Access::read});
    if (box.network && !whole)
        for (const char* path : kForNetwork) all.push_back({path, Access::read});
    if (box.gpu)
        for (const char* path : kForGpu) all.push_back({path, Access::read});
    all.insert(all.end(), box.places.begin(), box.places.end());
    for (Place& place : all) place.path = place.path.lexically_normal();
    std::error_code gone;
    std::erase_if(all, [&](const Place& place) { return !fs::exists(place.path, gone); });
    // What stands later in the list is the caller's, and holds where two are about one path.
    std::stable_sort(all.begin(), all.end(), [](const Place& a, const Place& b) { return a.path < b.path; });
    for (std::size_t i = all.size(); i > 1; --i)
        if (all[i - 1].path == all[i - 2].path) all.erase(all.begin() + static_cast<std::ptrdiff_t>(i) - 2);
    drop_what_is_hidden_anyway(all);
    return all;
}

std::vector<std::string> gpu_devices() {
    std::vector<std::string> devices;
    for (const auto& entry : fs::directory_iterator("/dev"))
        if (const std::string path = entry.path().string();
            path.starts_with("/dev/nvidia") || path == "/dev/dxg")
            devices.push_back(path);
    return devices;
}

std::vector<BoxKind> kinds_of_box() {
    return {BoxKind::bubblewrap, BoxKind::landlock};
}

std::string enter(const Box& box, std::vector<std::string>& command) {
    if (box.kind == BoxKind::landlock) return enter_landlock(box);
    const int filter = filter_for_bubblewrap(box);
    if (filter < 0) return "the filter of system calls could not be made (seccomp)";
    const std::vector<std::string> line = bubblewrap(box, filter);
    command.insert(command.begin(), line.begin(), line.end());
    return "";
}

}  // namespace autoresearch::platform

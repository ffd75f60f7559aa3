#include "box/landlock_linux.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "box/seccomp_linux.h"
#include "util/fd.h"

// The numbers of the kernel's interface, as the headers of a system may be older than its kernel.
namespace autoresearch::platform {
namespace {

namespace fs = std::filesystem;

struct Ruleset {  // landlock_ruleset_attr
    std::uint64_t files, tcp, scoped;
};
struct [[gnu::packed]] Rule {  // landlock_path_beneath_attr
    std::uint64_t allowed;
    std::int32_t parent;
};
constexpr int kCreate = 444, kAdd = 445, kRestrict = 446;  // system calls
constexpr int kPathBeneath = 1, kVersion = 1;
constexpr int kKnowsTruncation = 3;  // the oldest version that will do

constexpr std::uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadFolder = 1 << 3,
                        kTruncate = 1 << 14, kDevices = 1 << 15;
constexpr std::uint64_t kForFiles = kExecute | kWriteFile | kReadFile | kTruncate | kDevices;
constexpr std::uint64_t kRead = kExecute | kReadFile | kReadFolder;

/// What this version, from kKnowsTruncation on, knows of files.
std::uint64_t all_rights(int version) {
    return version >= 5 ? 2 * kDevices - 1 : kDevices - 1;
}

class Walls {
  public:
    Walls(const Box& box, int version) : handled_(all_rights(version)) {
        constexpr std::uint64_t kTcp = 3, kAbstractSockets = 1, kSignals = 2;
        // Older kernels take the structure's beginning.
        const Ruleset ruleset{handled_, version >= 4 && !box.network ? kTcp : 0,
                              version >= 6 ? kSignals | (box.network ? 0 : kAbstractSockets) : 0};
        const std::size_t size = version >= 6   ? sizeof ruleset
                                 : version >= 4 ? offsetof(Ruleset, scoped)
                                                : offsetof(Ruleset, tcp);
        set_.reset(static_cast<int>(::syscall(kCreate, &ruleset, size, 0)));
        for (const Place& place : all_places(box)) places_[place.path.string()] = place.access;
    }

    bool build(const Box& box) {
        for (const auto& [path, access] : places_) allow(path, access);
        for (const char* device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})
            add(device, kReadFile | kWriteFile | kTruncate);
        for (const char* file :
             {"/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version",
              "/proc/filesystems", "/proc/devices", "/proc/sys/vm", "/proc/sys/kernel", "/proc/driver"})
            add(file, kRead);
        if (box.network)  // an agent's tools
            for (const char* device : {"/dev/tty", "/dev/ptmx"})
                add(device, kReadFile | kWriteFile | kDevices);
        if (box.gpu) {
            for (const std::string& path : gpu_devices())
                add(path, kReadFolder | kReadFile | kWriteFile | kDevices);
            add("/proc/self", kRead | kWriteFile | kTruncate);  // CUDA names its threads there
        }
        return ok_ && set_;
    }
    bool raise() const { return ::syscall(kRestrict, set_.get(), 0) == 0; }

  private:
    /// Rights reach down to everything below, so a folder that holds something with less gets them piece by
    /// piece.
    void allow(const std::string& path, Access access) {
        if (access == Access::hidden) return;
        const std::string below = path == "/" ? path : path + "/";
        bool less = false;
        for (auto at = places_.lower_bound(below); at != places_.end() && at->first.starts_with(below); ++at)
            less = less || at->second < access;
        if (!less) return add(path, access == Access::read ? kRead : handled_ & ~kDevices);
        std::error_code unreadable;
        for (const auto& entry : fs::directory_iterator(path, unreadable)) {
            const std::string child = entry.path().string();
            if (!places_.contains(child) && !entry.is_symlink(unreadable)) allow(child, access);
        }
    }

    void add(const std::string& path, std::uint64_t rights) {
        const Fd file(::open(path.c_str(), O_PATH | O_CLOEXEC));
        struct stat info{};
        if (!file || ::fstat(file.get(), &info) != 0) return;  // it went
        const Rule rule{rights & handled_ & (S_ISDIR(info.st_mode) ? ~0ULL : kForFiles), file.get()};
        ok_ = ok_ && ::syscall(kAdd, set_.get(), kPathBeneath, &rule, 0) == 0;
    }

    const std::uint64_t handled_;
    std::map<std::string, Access> places_;
    Fd set_;
    bool ok_ = true;
};

/// For root, whose program would get them all back from exec.
bool drop_capabilities() {
    for (int each = 0; ::prctl(PR_CAPBSET_READ, each, 0, 0, 0) >= 0; ++each)
        ::prctl(PR_CAPBSET_DROP, each, 0, 0, 0);  // not allowed, and not needed, for anybody but root
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    return ::syscall(SYS_capset, &header, none) == 0;
}

}  // namespace

int landlock_version() {
    return std::max(0, static_cast<int>(::syscall(kCreate, nullptr, 0, kVersion)));
}

std::string enter_landlock(const Box& box) {
    const int version = landlock_version();
    if (version == 0) return "the kernel has no Landlock, or it is switched off";
    if (version < kKnowsTruncation)
        return "the kernel's Landlock is too old (version " + std::to_string(version) +
               ", before Linux 6.2): files that may only be read could be emptied";
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !drop_capabilities())
        return std::string("rights cannot be dropped: ") + std::strerror(errno);
    Walls walls(box, version);
    if (!walls.build(box) || !walls.raise())
        return std::string("the kernel refuses the rules: ") + std::strerror(errno);
    return refuse_system_calls(box, box.new_processes ? 0 : ::getpid());
}

}  // namespace autoresearch::platform

namespace autoresearch {

std::string open_ends(BoxKind kind) {
    if (kind == BoxKind::bubblewrap) return "";
    const int version = platform::landlock_version();
    std::string text =
        "other processes can be seen; an agent can change rights and times of files that are yours";
    if (version < 6) text += ", and send signals";
    if (version < 5) text += "; a build could speak to devices";
    return text + " (Landlock " + std::to_string(version) + ")";
}

}  // namespace autoresearch

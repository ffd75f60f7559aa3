#include <libproc.h>
#include <mach-o/dyld.h>
#include <notify.h>
#include <sys/sysctl.h>
#include <time.h>
#include <unistd.h>

#include <thread>

#include "proc/platform.h"

namespace autoresearch::platform {
namespace {

/// A list that the system fills: `fill(nullptr, 0)` says how large it may be, in bytes or in entries.
template <class Fill>
std::vector<pid_t> pid_list(const Fill& fill) {
    const int room = fill(nullptr, 0);
    if (room <= 0) return {};
    std::vector<pid_t> pids(static_cast<std::size_t>(room) + 16);  // zeros: no process to us
    fill(pids.data(), static_cast<int>(pids.size() * sizeof(pid_t)));
    std::erase_if(pids, [](pid_t pid) { return pid <= 1; });
    return pids;
}

/// An integer of up to 64 bits; 0 when there is none of this name.
std::int64_t system_value(const char* name) {
    std::int64_t value = 0;
    std::size_t size = sizeof value;
    ::sysctlbyname(name, &value, &size, nullptr, 0);
    return value;
}

std::uint64_t notified_state(const char* name) {
    int token = 0;
    std::uint64_t state = 0;
    if (notify_register_check(name, &token) != NOTIFY_STATUS_OK) return 0;
    notify_get_state(token, &state);
    notify_cancel(token);
    return state;
}

double clock_seconds(clockid_t clock) {
    return static_cast<double>(clock_gettime_nsec_np(clock)) * 1e-9;
}

}  // namespace

std::filesystem::path self() {
    std::uint32_t size = 0;
    _NSGetExecutablePath(nullptr, &size);
    std::string path(size, '\0');
    _NSGetExecutablePath(path.data(), &size);
    return std::filesystem::canonical(path.c_str());
}

std::filesystem::path program_of(pid_t pid) {
    char path[PROC_PIDPATHINFO_MAXSIZE];
    const int length = ::proc_pidpath(pid, path, sizeof path);
    return std::string(path, static_cast<std::size_t>(std::max(length, 0)));
}

std::string default_preset() {
#if defined(__arm64__)
    return "mps";
#else
    return "cpu";  // libtorch has no Metal backend for Intel Macs
#endif
}

std::int64_t memory_bytes() {
    return system_value("hw.memsize");
}

int cores() {
    return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

void close_other_descriptors(posix_spawn_file_actions_t*, short* attribute_flags, int) {
    *attribute_flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
}

bool adopts_orphans() {
    return false;
}

std::vector<std::string> container_command() {
    return {};
}

std::vector<std::string> keep_awake_command(pid_t pid) {
    return {"caffeinate", "-i", "-s", "-w", std::to_string(pid)};
}

std::vector<pid_t> all_processes() {
    return pid_list([](void* list, int size) { return proc_listallpids(list, size); });
}

std::vector<pid_t> relatives(pid_t pid) {
    auto result = pid_list([&](void* list, int size) { return proc_listchildpids(pid, list, size); });
    // There is no answer for one that has ended; its group may live, under its number if it led that.
    const pid_t asked = ::getpgid(pid), group = asked > 0 ? asked : pid;
    if (group <= 1 || group == ::getpgrp()) return result;
    const auto members = pid_list([&](void* list, int size) { return proc_listpgrppids(group, list, size); });
    result.insert(result.end(), members.begin(), members.end());
    return result;
}

std::string variable_of(pid_t pid, const std::string& name) {
    // The number of arguments, the path of the program, the arguments, the environment: each ends in a zero.
    int what[] = {CTL_KERN, KERN_PROCARGS2, pid};
    std::size_t size = 0;
    if (::sysctl(what, 3, nullptr, &size, nullptr, 0) != 0) return {};
    std::string all(size + 1, '\0');
    if (::sysctl(what, 3, all.data(), &size, nullptr, 0) != 0) return {};
    const auto found = all.find('\0' + name + '=');
    return found == std::string::npos ? "" : all.c_str() + found + name.size() + 2;
}

bool is_stopped(pid_t pid) {
    proc_bsdinfo info{};
    return ::proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, &info, sizeof info) == sizeof info &&
           info.pbi_status == SSTOP;
}

std::int64_t held_bytes(pid_t pid, bool) {
    rusage_info_v4 info{};
    if (proc_pid_rusage(pid, RUSAGE_INFO_V4, reinterpret_cast<rusage_info_t*>(&info)) != 0) return 0;
    return static_cast<std::int64_t>(info.ri_phys_footprint);  // with the GPU's part
}

bool memory_is_short() {
    constexpr int kCritical = 4;
    return system_value("kern.memorystatus_vm_pressure_level") >= kCritical;
}

double peak_resident_mb(const rusage& usage) {
    return static_cast<double>(usage.ru_maxrss) / (1024 * 1024);
}

void measure_waits(pid_t, std::map<pid_t, double>&) {}  // not told by the system

double awake_seconds() {
    return clock_seconds(CLOCK_UPTIME_RAW);
}

MachineTimes machine_times() {
    constexpr std::uint64_t kHeavy = 2;  // 0 nominal, 1 moderate, 2 heavy, 3 trapping, 4 sleeping
    static double throttled = 0, last = 0;
    const double now = awake_seconds();
    if (notified_state("com.apple.system.thermalpressurelevel") >= kHeavy ||
        notified_state("com.apple.system.lowpowermode") != 0)
        throttled += now - last;
    last = now;
    return {clock_seconds(CLOCK_MONOTONIC_RAW) - now, 0, 0, throttled};
}

}  // namespace autoresearch::platform

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "proc/cgroup_linux.h"
#include "proc/platform.h"
#include "util/text.h"

namespace autoresearch::platform {
namespace {

namespace fs = std::filesystem;

fs::path proc(pid_t pid) {
    return fs::path("/proc") / std::to_string(pid);
}

/// The numbers that name the entries of a folder of /proc. Processes may end meanwhile: then there are fewer.
std::vector<pid_t> numbers_in(const fs::path& folder) {
    std::vector<pid_t> result;
    std::error_code gone;
    for (fs::directory_iterator entry(folder, gone), end; !gone && entry != end; entry.increment(gone)) {
        const std::string name = entry->path().filename().string();
        pid_t number = 0;
        std::from_chars(name.data(), name.data() + name.size(), number);
        if (number > 0) result.push_back(number);
    }
    return result;
}

std::string text_of(const fs::path& file) {
    return try_read_file(file).value_or("");
}

/// The sum of these fields of a file such as /proc/PID/status, in bytes; absent ones are zero.
std::int64_t bytes_in(const fs::path& file, std::initializer_list<std::string_view> fields) {
    const std::string text = text_of(file);
    std::int64_t kilobytes = 0;
    for (const std::string_view line : split_lines(text)) {
        const auto colon = line.find(':');
        if (std::find(fields.begin(), fields.end(), line.substr(0, colon)) != fields.end())
            kilobytes += std::strtoll(line.data() + colon + 1, nullptr, 10);
    }
    return kilobytes << 10;
}

double clock_seconds(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

std::filesystem::path self() {
    return fs::canonical("/proc/self/exe");
}

std::filesystem::path program_of(pid_t pid) {
    std::error_code gone;
    return fs::read_symlink(proc(pid) / "exe", gone);
}

std::string default_preset() {
    // Present wherever an NVIDIA driver is loaded, also inside containers that were given the GPU.
    return fs::exists("/proc/driver/nvidia/version") ? "cuda" : "cpu";
}

std::int64_t memory_bytes() {
    const std::int64_t all = bytes_in("/proc/meminfo", {"MemTotal"}), allowed = group_limits().memory;
    return allowed > 0 ? std::min(all, allowed) : all;
}

int cores() {
    const int all = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    const double allowed = group_limits().cores;
    return allowed > 0 ? std::clamp(static_cast<int>(allowed), 1, all) : all;
}

void close_other_descriptors(posix_spawn_file_actions_t* actions, short*, int first_unused) {
    posix_spawn_file_actions_addclosefrom_np(actions, first_unused);
}

bool adopts_orphans() {
    return true;
}

std::vector<std::string> container_command() {
    // A process namespace of its own, and nothing else: files, network and user stay as they are.
    return {"bwrap",         "--dev-bind", "/",     "/", "--unshare-pid", "--die-with-parent",
            "--new-session", "--proc",     "/proc", "--"};
}

std::vector<std::string> keep_awake_command(pid_t pid) {
    return {"systemd-inhibit",
            "--what=idle:sleep",
            "--who=autoresearch",
            "--why=experiments are running",
            "tail",
            "--pid=" + std::to_string(pid),
            "-f",
            "/dev/null"};
}

std::vector<pid_t> all_processes() {
    return numbers_in("/proc");
}

std::vector<pid_t> relatives(pid_t pid) {
    std::vector<pid_t> result;
    for (const pid_t thread : numbers_in(proc(pid) / "task")) {
        std::istringstream children(text_of(proc(pid) / "task" / std::to_string(thread) / "children"));
        for (pid_t child = 0; children >> child;) result.push_back(child);
    }
    return result;
}

std::string variable_of(pid_t pid, const std::string& name) {
    const std::string all = '\0' + text_of(proc(pid) / "environ");
    const auto found = all.find('\0' + name + '=');
    return found == std::string::npos ? "" : all.c_str() + found + name.size() + 2;
}

bool is_stopped(pid_t pid) {
    const std::string text = text_of(proc(pid) / "stat");  // number (name) state ...
    const auto name_end = text.rfind(") ");
    return name_end != std::string::npos && (text[name_end + 2] == 'T' || text[name_end + 2] == 't');
}

std::int64_t held_bytes(pid_t pid, bool exact) {
    const std::int64_t shares =
        exact ? bytes_in(proc(pid) / "smaps_rollup", {"Pss_Anon", "Pss_Shmem", "SwapPss"}) : 0;
    return shares > 0 ? shares : bytes_in(proc(pid) / "status", {"RssAnon", "RssShmem", "VmSwap"});
}

bool memory_is_short() {
    return bytes_in("/proc/meminfo", {"MemAvailable"}) < bytes_in("/proc/meminfo", {"MemTotal"}) / 33;
}

double peak_resident_mb(const rusage& usage) {
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

void measure_waits(pid_t pid, std::map<pid_t, double>& waits) {
    for (const pid_t thread : numbers_in(proc(pid) / "task")) {
        // Nanoseconds on a core, nanoseconds of waiting for one, number of turns.
        const std::string text = text_of(proc(pid) / "task" / std::to_string(thread) / "schedstat");
        if (const auto space = text.find(' '); space != std::string::npos)
            waits[thread] = std::strtod(text.c_str() + space, nullptr) * 1e-9;
    }
}

double awake_seconds() {
    return clock_seconds(CLOCK_MONOTONIC);
}

MachineTimes machine_times() {
    const std::string cpu = text_of("/proc/stat");  // cpu user nice system idle iowait irq softirq steal ...
    const std::string throttled =
        text_of("/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_total_time_ms");
    std::istringstream fields(cpu.substr(std::min<std::size_t>(cpu.size(), 3)));
    double ticks[8] = {};
    for (double& each : ticks) fields >> each;
    const auto& [user, nice, system, idle, iowait, irq, softirq, steal] = ticks;
    const double second = static_cast<double>(::sysconf(_SC_CLK_TCK));
    return {clock_seconds(CLOCK_BOOTTIME) - clock_seconds(CLOCK_MONOTONIC), steal / second,
            (user + nice + system + irq + softirq) / second, std::strtod(throttled.c_str(), nullptr) * 1e-3};
}

}  // namespace autoresearch::platform

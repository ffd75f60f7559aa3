#include "proc/process_tree.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

#include "proc/platform.h"

namespace autoresearch {
namespace {

constexpr std::chrono::seconds kPatience{2};  // for the system to clear away what SIGKILL ended

std::mutex mutex;       // guards these two
std::set<pid_t> roots;  // of all trees: children of ours that are no orphans
std::string owner;      // what all marks of this program begin with

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

/// Those whose mark begins like this.
std::vector<pid_t> processes_marked(const std::string& prefix) {
    std::vector<pid_t> result = platform::all_processes();
    std::erase_if(result,
                  [&](pid_t pid) { return !platform::variable_of(pid, kTreeVariable).starts_with(prefix); });
    return result;
}

}  // namespace

std::string new_tree_mark() {
    static std::atomic<int> count{0};
    // Within the tree of an outer harness all is the outer one's too, so its mark comes first.
    const char* outer = std::getenv(kTreeVariable);
    const std::lock_guard lock(mutex);
    const std::string own = owner.empty() ? std::to_string(::getpid()) : owner;
    return (outer == nullptr ? "" : outer) + own + "#" + std::to_string(++count) + "/";
}

int take_over_processes(const std::filesystem::path& run_directory) {
    struct stat info{};  // the same path may be another folder to a process of another container
    ::stat(run_directory.c_str(), &info);
    const std::string name = std::filesystem::absolute(run_directory).string() + ":" +
                             std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
    const char* outer = std::getenv(kTreeVariable);
    const std::string prefix = (outer == nullptr ? "" : outer) + name + "#";
    const std::vector<pid_t> leftovers = processes_marked(prefix);
    for (const pid_t pid : leftovers) ::kill(pid, SIGKILL);
    const std::lock_guard lock(mutex);
    owner = name;
    return static_cast<int>(leftovers.size());
}

ProcessTree::ProcessTree(pid_t root, std::string mark) : root_(root), mark_(std::move(mark)) {
    const std::lock_guard lock(mutex);
    roots.insert(root_);
}

ProcessTree::~ProcessTree() {
    end();
    const std::lock_guard lock(mutex);
    roots.erase(root_);
}

bool ProcessTree::root_has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(root_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid != 0;
}

/// A child that is no root was adopted. A zombie, or one that hid its mark, belongs to whoever finds it.
bool ProcessTree::is_our_orphan(pid_t child) const {
    {
        const std::lock_guard lock(mutex);
        if (roots.contains(child)) return false;
    }
    const std::string mark = platform::variable_of(child, kTreeVariable);
    return mark.empty() || mark.starts_with(mark_);
}

/// The root comes first, parents before their children.
std::vector<pid_t> ProcessTree::members() const {
    std::vector<pid_t> found;
    const auto add = [&](pid_t pid) {
        if (std::find(found.begin(), found.end(), pid) == found.end()) found.push_back(pid);
    };
    if (!reaped_) add(root_);
    for (const pid_t child : platform::relatives(::getpid())) {
        if (is_our_orphan(child)) add(child);
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
        for (const pid_t pid : platform::relatives(found[i])) add(pid);
    }
    return found;
}

void ProcessTree::ask_to_end(bool root_too) const {
    for (const pid_t pid : members()) {
        if (pid != root_ || root_too) ::kill(pid, SIGTERM);
    }
}

double ProcessTree::held_gb(bool exact) const {
    std::int64_t bytes = 0;
    for (const pid_t pid : members()) bytes += platform::held_bytes(pid, exact);
    return static_cast<double>(bytes) / (1 << 30);
}

void ProcessTree::measure_waits(std::map<pid_t, double>& waits) const {
    for (const pid_t pid : members()) platform::measure_waits(pid, waits);
}

const ProcessTree::End& ProcessTree::end() {
    const auto patience = std::chrono::steady_clock::now() + kPatience;
    while (!ended_) {
        // From the start each time: what is about to die may have started others.
        const std::vector<pid_t> rest = members();
        const std::vector<pid_t> all = rest.empty() ? processes_marked(mark_) : rest;
        ended_ = all.empty() || std::chrono::steady_clock::now() > patience;
        for (const pid_t pid : all) {
            ::kill(pid, SIGKILL);
            reap(pid);
        }
        if (!ended_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return end_;
}

/// Does nothing for a process that has not ended yet, or is no child of ours.
void ProcessTree::reap(pid_t pid) {
    int status = 0;
    rusage usage{};
    if (::wait4(pid, &status, WNOHANG, &usage) != pid) return;
    end_.cpu_seconds += seconds(usage.ru_utime) + seconds(usage.ru_stime);
    end_.peak_memory_mb = std::max(end_.peak_memory_mb, platform::peak_resident_mb(usage));
    if (pid != root_) return;
    end_.status = status;
    reaped_ = true;
}

}  // namespace autoresearch

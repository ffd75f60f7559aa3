#include <libproc.h>
#include <signal.h>
#include <sys/wait.h>

#include "proc/process_tree.h"

namespace autoresearch {
namespace {

/// Seconds of the day; 0 for a process that has ended.
double started_at(pid_t pid) {
    proc_bsdinfo info{};
    if (proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, &info, sizeof info) != sizeof info) return 0;
    return static_cast<double>(info.pbi_start_tvsec) + static_cast<double>(info.pbi_start_tvusec) * 1e-6;
}

}  // namespace

int ProcessTree::start(const Spawn& spawn) {
    const int error = spawn(child_);
    root_ = child_;
    return error;
}

std::vector<pid_t> ProcessTree::processes() {
    std::vector<pid_t> found = {root_};
    for (const auto& [pid, started] : seen_) {
        if (pid != root_ && started_at(pid) == started) found.push_back(pid);  // else the number is another's
    }
    add_descendants(found);
    std::erase_if(found, [&](pid_t pid) { return pid == root_ ? has_ended() : started_at(pid) == 0; });
    for (const pid_t pid : found) seen_[pid] = started_at(pid);
    return found;
}

void ProcessTree::end() {
    ::kill(-root_, SIGKILL);  // a group dies as one, so that none of it can start others meanwhile
    kill_all([&] {
        const std::vector<pid_t> rest = processes();
        return rest.empty() ? marked_processes(mark_) : rest;
    });
    ::wait4(root_, &status_, WNOHANG, &usage_);
}

}  // namespace autoresearch

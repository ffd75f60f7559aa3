#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "proc/platform.h"
#include "proc/process_tree.h"

namespace autoresearch {
namespace {

// The supervisor is forked off without a program of its own and only calls the system, so it does not matter
// what other threads of ours held. All signals are blocked in it, so that they wait to be asked for.

constexpr int kEnd = SIGUSR1;  // tells it to end the tree

/// Is somebody left that has not ended? Makes `root` 0 when that has.
bool reap(pid_t& root, int& root_status) {
    int status = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != root) continue;
        root = 0;
        root_status = status;
    }
    return pid == 0;
}

/// Their own children become the supervisor's then, for the next time. A group goes at once, or its members
/// could go on having children; all of it is of this tree, which has no session in common with others.
void kill_children() {
    char text[4096];
    const int list = ::open("/proc/thread-self/children", O_RDONLY);
    const ssize_t length = ::read(list, text, sizeof text - 1);
    ::close(list);
    text[std::max<ssize_t>(length, 0)] = '\0';
    char* rest = text;
    for (long pid = 0; (pid = std::strtol(rest, &rest, 10)) > 0 && *rest == ' ';) {  // else it was cut
        const pid_t child = static_cast<pid_t>(pid), group = ::getpgid(child);
        if (group > 1 && group != ::getpgrp()) ::kill(-group, SIGKILL);
        ::kill(child, SIGKILL);
    }
}

[[noreturn]] void end_like(int status) {
    if (WIFEXITED(status)) ::_exit(WEXITSTATUS(status));
    ::prctl(PR_SET_DUMPABLE, 0);  // one core is enough
    ::signal(WTERMSIG(status), SIG_DFL);
    ::kill(::getpid(), WTERMSIG(status));
    sigset_t it;
    ::sigemptyset(&it);
    ::sigaddset(&it, WTERMSIG(status));
    ::sigprocmask(SIG_UNBLOCK, &it, nullptr);
    ::_exit(1);
}

/// Writes the command's number, or minus an errno value, to the channel; when all have ended, ends as the
/// command did.
template <class Spawn>
[[noreturn]] void supervise(const Spawn& spawn, int channel, pid_t harness) {
    ::setpgid(0, 0);                     // the end of our job is not meant for it
    ::prctl(PR_SET_NAME, "supervisor");  // nor the end of all that have our name
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::prctl(PR_SET_PDEATHSIG, SIGCHLD);
    ::signal(SIGCHLD, SIG_DFL);
    pid_t root = 0;
    const int error = spawn(root), answer = error == 0 ? root : -error;
    [[maybe_unused]] const ssize_t written = ::write(channel, &answer, sizeof answer);
    ::dup2(channel, STDIN_FILENO);  // its end is seen by that of the channel
    ::closefrom(STDIN_FILENO + 1);

    sigset_t news;
    ::sigemptyset(&news);
    for (const int signal : {SIGCHLD, kEnd}) ::sigaddset(&news, signal);
    int signal = 0, status = SIGKILL;
    while (reap(root, status) && root != 0 && signal != kEnd && ::getppid() == harness)
        signal = ::sigwaitinfo(&news, nullptr);
    const double patience = platform::awake_seconds() + kPatience;
    while (reap(root, status) && platform::awake_seconds() < patience) {
        kill_children();
        if (root != 0) ::kill(-root, SIGKILL);  // where the system lists no children
        const timespec moment{0, 1'000'000};
        ::sigtimedwait(&news, nullptr, &moment);
    }
    end_like(status);
}

}  // namespace

int ProcessTree::start(const Spawn& spawn) {
    int ends[2];
    if (::pipe(ends) != 0) return errno;
    news_.reset(ends[0]);
    const pid_t harness = ::getpid();
    sigset_t all, before;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before);  // our handlers must not run in the supervisor
    child_ = ::fork();
    if (child_ == 0) supervise(spawn, ends[1], harness);
    root_ = child_ < 0 ? -errno : -ECHILD;
    ::close(ends[1]);
    // What it started can have stopped it already.
    for (pollfd answer{news_.get(), POLLIN, 0}; ::poll(&answer, 1, 10) == 0;) ::kill(child_, SIGCONT);
    [[maybe_unused]] const ssize_t heard = ::read(news_.get(), &root_, sizeof root_);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    if (root_ > 0) return 0;
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
    return -root_;
}

std::vector<pid_t> ProcessTree::processes() {
    std::vector<pid_t> found = {child_};
    add_descendants(found);
    found.erase(found.begin());
    if (found.empty()) found.push_back(root_);  // where the system lists no children
    return found;
}

void ProcessTree::end() {
    const double patience = platform::awake_seconds() + 2 * kPatience;
    while (::wait4(child_, &status_, WNOHANG, &usage_) == 0) {
        // More than once, as a process of the tree can stop it.
        for (const int signal : {kEnd, SIGCONT}) ::kill(child_, signal);
        if (platform::awake_seconds() > patience) ::kill(child_, SIGKILL);
        const timespec moment{0, 1'000'000};
        ::nanosleep(&moment, nullptr);
    }
    // It may have been killed itself.
    if (status_ == SIGKILL) kill_all([&] { return marked_processes(mark_); });
}

}  // namespace autoresearch

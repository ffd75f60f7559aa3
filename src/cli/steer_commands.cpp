// stop, pause and resume: signals to the process that runs a run.

#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "proc/platform.h"
#include "proc/system_clock.h"
#include "record/run_lock.h"
#include "vcs/git_repo.h"

namespace autoresearch {
namespace {

/// Sends the signal to the run's process; returns its number.
pid_t steer(const Arguments& arguments, int signal) {
    const RunInfo run = require_run(GitRepo::open(".").workdir(), arguments.tag);
    const auto holder = lock_holder(run.directory);
    if (!holder)
        throw UserError("run " + run.tag() + " is not running",
                        "start it: autoresearch run --tag " + run.tag());
    if (holder->is_elsewhere())
        throw UserError("run " + run.tag() + " is running on " + holder->host, "do the same there");
    if (::kill(holder->pid, signal) != 0)
        throw UserError("no right to signal process " + std::to_string(holder->pid), "it is another user's");
    std::cout << "run " << run.tag() << " (pid " << holder->pid << "): ";
    return holder->pid;
}

int stop(const Arguments& arguments) {
    const pid_t pid = steer(arguments, arguments.now ? SIGTERM : SIGINT);
    ::kill(pid, SIGCONT);  // if it was paused
    std::cout << (arguments.now ? "stops now\n" : "stops after this experiment\n");
    return 0;
}

int pause(const Arguments& arguments) {
    const pid_t pid = steer(arguments, SIGTSTP);
    // While it only waits, a process without a terminal may ignore that; then it has nothing to stop but
    // itself.
    for (int i = 0; i < 20 && !platform::is_stopped(pid); ++i) system_clock().sleep(0.1);
    if (!platform::is_stopped(pid)) ::kill(pid, SIGSTOP);
    std::cout << "pauses; autoresearch resume lets it go on, and a trial that was cut is repeated\n";
    return 0;
}

int resume(const Arguments& arguments) {
    steer(arguments, SIGCONT);
    std::cout << "goes on\n";
    return 0;
}

}  // namespace

void add_steering(Commands& commands) {
    auto stopping = commands.add("stop", "end a running run after its current experiment", stop);
    stopping.tag();
    stopping.flag("--now", stopping.given.now,
                  "do not wait for the experiment; the next start tries it again");
    commands.add("pause", "stop a running run and all its processes until resume", pause).tag();
    commands.add("resume", "let a paused run go on", resume).tag();
}

}  // namespace autoresearch

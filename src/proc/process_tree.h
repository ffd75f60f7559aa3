#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "proc/subprocess.h"
#include "util/fd.h"

namespace autoresearch {

struct Pipe {
    Fd read;   // does not block
    Fd write;  // to be inherited by the child
};
/// Throws std::system_error.
Pipe make_pipe();

/// A command in a session of its own, what it started, and what that started: its descendants, and orphans
/// that came from it, whatever became of their group, session and environment. Nobody else: not our other
/// children, nor who was there before.
///
/// On Linux the command's parent is a small process of ours, the supervisor, which adopts these orphans. It
/// ends all of them when the command has ended, when we say so, and when we are gone. macOS has no such
/// adoption; there it is the groups of known descendants, who was seen while it lived, and the mark in the
/// environment. A daemon that leaves all three before it is seen lives on.
class ProcessTree {
  public:
    /// `output` becomes the command's stdout and stderr, or /dev/null when it is -1; `events` its descriptor
    /// kEventDescriptor, and `errors` its stderr, when they are not -1. Returns 0 or an errno value.
    int start(const ProcessSpec& spec, int output, int events, int errors = -1);
    pid_t root() const { return root_; }  // the command itself

    /// The command, and where there is a supervisor all others too.
    bool has_ended() const;
    /// Becomes readable when it has ended; -1: one has to ask.
    int news() const { return news_.get(); }
    /// All that live.
    std::vector<pid_t> processes();

    /// Kills all of it and returns when nobody is left, or when the system does not get rid of somebody.
    void end();
    /// Known after the end: of the command, as wait() gives it, and of all together.
    int status() const { return status_; }
    const rusage& usage() const { return usage_; }

  private:
    using Spawn = std::function<int(pid_t&)>;
    int start(const Spawn& spawn);

    std::string mark_;  // a variable in its environment that no other tree has
    pid_t root_ = 0;
    pid_t child_ = 0;  // our child: the supervisor, or the command itself
    int status_ = SIGKILL;
    rusage usage_{};
    Fd news_;                       // Linux: ends with the supervisor
    std::map<pid_t, double> seen_;  // macOS: when each process that was seen had started
};

/// Adds their descendants to these processes.
void add_descendants(std::vector<pid_t>& processes);
/// Those whose mark begins so.
std::vector<pid_t> marked_processes(const std::string& mark);
/// Kills these, asked for again each time, as who is about to die may have started others; until there are
/// none, or the system does not get rid of them.
void kill_all(const std::function<std::vector<pid_t>()>& processes);
inline constexpr double kPatience = 2;  // seconds for the system to clear away what SIGKILL ended

/// From now on, what we start belongs to the run of this directory. Ends what an earlier program left of that
/// run when it was killed; call it with the run's lock held. Returns how many processes that were.
int take_over_processes(const std::filesystem::path& run_directory);

/// Keeps the machine from falling asleep until this program ends, where the system can do that and lets us.
/// Returns how that went, in one line for a person.
std::string keep_awake();

}  // namespace autoresearch

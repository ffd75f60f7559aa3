#pragma once

#include <sys/types.h>

#include <filesystem>
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

/// Starts the command in a session of its own. `output` becomes its stdout and stderr, or /dev/null when it
/// is -1; `events` its descriptor kEventDescriptor when it is not -1. Returns 0 and sets `pid`, or an errno
/// value.
int spawn(const ProcessSpec& spec, int output, int events, pid_t& pid);

/// The variable in the environment of everything that we start, and its value: whose it is.
inline constexpr const char* kTreeVariable = "_AUTORESEARCH_TREE";
std::string tree_mark();

/// From now on, what we start belongs to the run of this directory. Ends what an earlier program left of that
/// run when it was killed; call it with the run's lock held. Returns how many processes that were.
int take_over_processes(const std::filesystem::path& run_directory);

/// Keeps the machine from falling asleep until this program ends, where the system can do that and lets us.
/// Returns how that went, in one line for a person.
std::string keep_awake();

/// `root`, a child of ours (0: none), and all else that we started and that it started, also what changed its
/// group or session, or forked twice: orphans are found as our own children or, when nothing else is left, by
/// their environment. On a system that does neither give us orphans nor show environments, a process that
/// hides from both is missed. The root comes first, parents before their children.
std::vector<pid_t> our_processes(pid_t root);

}  // namespace autoresearch

#pragma once

#include <sys/types.h>

#include "proc/subprocess.h"
#include "util/fd.h"

namespace autoresearch {

struct Pipe {
    Fd read;   // does not block
    Fd write;  // to be inherited by the child
};

/// Both ends are closed on exec and have numbers that no child uses. Throws std::system_error.
Pipe make_pipe();

/// Starts the command in a session of its own. `output` becomes its stdout and stderr, or /dev/null when it
/// is -1; `events` its descriptor kEventDescriptor when it is not -1. Returns 0 and sets `pid`, or an errno
/// value.
int spawn(const ProcessSpec& spec, int output, int events, pid_t& pid);

/// The arguments in front of a command that make its processes end with it and with us, when that works on
/// this machine (tried once); else none.
std::vector<std::string> container();

}  // namespace autoresearch

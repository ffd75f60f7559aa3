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

/// Starts the command in a session of its own; the group's id is the process id. `output` becomes its stdout
/// and stderr, `events` its descriptor kEventDescriptor when it is not -1. Returns 0 and sets `pid`, or an
/// errno value.
int spawn(const ProcessSpec& spec, int output, int events, pid_t& pid);

}  // namespace autoresearch

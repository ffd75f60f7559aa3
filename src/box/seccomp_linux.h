#pragma once

#include <sys/types.h>

#include <string>

#include "box/box.h"

namespace autoresearch {

/// The system calls that a box refuses, for this process from now on and for all that it starts. `alone`: its
/// own number, where other processes can be seen, so that it may send signals to nobody else. Returns what
/// went wrong.
std::string refuse_system_calls(const Box& box, pid_t alone);

/// The same as a program for bubblewrap's --seccomp, in a descriptor that exec keeps; -1 when there is none.
int filter_for_bubblewrap(const Box& box);

}  // namespace autoresearch

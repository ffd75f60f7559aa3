#include "proc/keep_awake.h"

#include <unistd.h>

#include <thread>

#include "proc/platform.h"
#include "proc/spawn.h"

namespace autoresearch {

KeepAwake::KeepAwake() {
    ProcessSpec spec;
    spec.command = platform::keep_awake_command(::getpid());
    const std::string mark = new_tree_mark();
    spec.environment[kTreeVariable] = mark;
    pid_t pid = 0;
    if (spawn(spec, -1, -1, pid) == 0) keeper_ = std::make_unique<ProcessTree>(pid, mark);
    // Where it is not allowed, it ends at once.
    for (int i = 0; keeper_ && i < 20; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (keeper_->root_has_ended()) keeper_.reset();
    }
    const std::string& name = spec.command.front();
    note_ = keeper_ ? "the machine stays awake while this runs (" + name + ")"
                    : "the machine may fall asleep: " + name + " is missing or not allowed";
}

}  // namespace autoresearch

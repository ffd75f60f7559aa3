#include <unistd.h>

#include <csignal>
#include <iostream>
#include <iterator>

#include "cli/commands.h"
#include "plan/workspace.h"
#include "proc/signals.h"
#include "settings/places.h"
#include "trial/node.h"

namespace autoresearch {
namespace {

int serve_one_trial(const Arguments& arguments) {
    std::signal(SIGPIPE, SIG_IGN);  // a closed reader must end the trial, not kill this program
    const std::string spec(std::istreambuf_iterator<char>(std::cin), {});
    const SignalStop stop;
    const bool boxed = !arguments.settings.contains("box");
    const BoxKind kind = require_box(boxed ? BoxKind::automatic : BoxKind::none);
    const NodePlace place{data_root(), walls_here(open_kit(), {}, kind), cache_root() / "programs"};
    return run_node(spec, place, STDOUT_FILENO, stop) ? 0 : 1;
}

}  // namespace

void add_node(Commands& commands) {
    auto flags = commands.add(
        "node", "run one trial: spec on standard input, events as lines on standard output", serve_one_trial);
    flags.hide();
    flags.no_box();
}

}  // namespace autoresearch

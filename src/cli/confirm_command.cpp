#include <unistd.h>

#include <iostream>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "cli/final_number.h"
#include "contract/run_files.h"
#include "plan/workspace.h"
#include "proc/signals.h"
#include "record/file_ledger.h"
#include "record/run_lock.h"
#include "view/run_view.h"
#include "view/terminal_reporter.h"

namespace autoresearch {
namespace {

int confirm(const Arguments& arguments) {
    const int seeds = arguments.seeds.value_or(4);
    const GitRepo git = GitRepo::open(".");
    RunInfo run = require_run(git.workdir(), arguments.tag);
    print_notes(run.config);
    const auto experiments = read_ledger(run.directory);
    const Experiment* best = incumbent_of(experiments);
    if (best == nullptr || best->number == 0)
        throw UserError("run \"" + run.tag() + "\" has kept nothing yet, so there is nothing to confirm");
    const RunLock lock(run.directory);  // a running loop and these trials would disturb each other
    const TrialPlace place = place_of(run, open_kit(), arguments.settings);
    SignalStop stop;
    TerminalReporter reporter(STDERR_FILENO, output_style(STDERR_FILENO), run_files::log(run.directory));
    const auto number = measure_final_number(run, place, git, experiments, seeds, reporter, stop);
    reporter.clear();
    std::cout << (arguments.json ? number.dump(2) : final_number_text(number)) << "\n";
    return 0;
}

}  // namespace

void add_confirm(Commands& commands) {
    auto flags = commands.add(
        "confirm", "measure the honest final number: baseline and best on fresh seeds and the test split",
        confirm);
    flags.json();
    flags.verbose();
    flags.seeds("trials for each; default 4");
    flags.tag();
    flags.no_box();
    flags.examples({"autoresearch confirm --seeds 8"});
}

}  // namespace autoresearch

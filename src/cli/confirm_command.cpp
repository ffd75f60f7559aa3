#include <unistd.h>

#include <iostream>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "cli/final_number.h"
#include "proc/signals.h"
#include "record/file_ledger.h"
#include "record/run_files.h"
#include "record/run_lock.h"
#include "record/terminal_reporter.h"

namespace autoresearch {
namespace {

int confirm(const std::string& tag, int seeds, bool json) {
    const GitRepo git = GitRepo::open(".");
    const RunInfo run = require_run(git.workdir(), tag);
    const auto experiments = read_ledger(run.directory);
    const Experiment* best = incumbent_of(experiments);
    if (best == nullptr || best->number == 0)
        throw UserError("run \"" + run.tag() + "\" has kept nothing yet, so there is nothing to confirm");
    const RunLock lock(run.directory);  // a running loop would disturb the trials, and these its
    const TrialPlace place{open_kit(), run.config.values, run.device, require_same_data(run)};
    SignalStop stop;
    TerminalReporter reporter(STDERR_FILENO, output_style(STDERR_FILENO), run.directory / run_files::kLog);
    const auto number = measure_final_number(run, place, git, experiments, seeds, reporter, stop);
    std::cout << (json ? number.dump(2) : final_number_text(number)) << "\n";
    return 0;
}

}  // namespace

void add_confirm_command(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "confirm", "the honest final number: baseline and best on fresh seeds and the test split");
    const auto seeds = std::make_shared<int>(4);
    command->add_option("--seeds", *seeds, "trials of each; default 4")->check(CLI::Range(2, 1000));
    const auto tag = add_tag_flag(*command);
    const auto json = add_json_flag(*command);
    command->callback([=, &exit_code] { exit_code = confirm(*tag, *seeds, *json); });
}

}  // namespace autoresearch

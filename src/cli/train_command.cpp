#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "contract/experiment_json.h"
#include "plan/workspace.h"
#include "proc/signals.h"
#include "proc/system_clock.h"
#include "record/run_info.h"
#include "view/terminal_reporter.h"
#include "view/trial_text.h"

namespace autoresearch {

std::vector<Trial> show_trials_by_hand(const TrialPlace& place, const std::string& source,
                                       const ByHand& wanted) {
    SignalStop stop;
    TerminalReporter reporter(STDERR_FILENO, output_style(STDERR_FILENO), run_files::log(wanted.directory));
    return trials_by_hand(place, source, wanted, "", reporter, stop, system_clock());
}

namespace {

/// One experiment by hand: the working tree's train.cpp, built and run as in the loop, logged but not judged.
int train(const Arguments& arguments) {
    const GitRepo git = GitRepo::open(".");
    auto [source, place] = settle_by_hand(git, arguments.settings);
    place.config.repeats = 0;  // one trial, even if the machine disturbs it
    const auto directory = by_hand_directory(git.workdir(), "train");
    const Trial trial = show_trials_by_hand(place, source, {directory, place.config.seed}).back();
    if (arguments.json) {
        std::cout << to_json(trial).dump(2) << "\n";
    } else if (trial.ending == Ending::ok) {
        std::cout << "budget: " << budget_text(place.config) << "\n"
                  << summary_block(trial) << "logs: " << directory.string() << "\n";
    }
    if (trial.ending == Ending::ok) return 0;
    std::cerr << fmt::format("{}: {}\nlogs: {}\n", to_string(trial.ending), trial.reason, directory.string());
    return 1;
}

}  // namespace

void add_train(Commands& commands) {
    auto flags =
        commands.add("train", "run one experiment by hand: build and run this tree's train/train.cpp", train);
    flags.json();
    flags.verbose();
    flags.trial_settings();
    flags.examples({"autoresearch train --budget 60", "autoresearch train --clock wall --seed 2"});
}

}  // namespace autoresearch

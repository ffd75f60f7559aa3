#include <spdlog/fmt/fmt.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/trial_parts.h"
#include "contract/experiment_json.h"
#include "record/by_hand.h"
#include "vcs/git_repo.h"
#include "view/trial_text.h"

namespace autoresearch {
namespace {

struct Arguments {
    FlagValues settings;
    bool json = false;
};

/// One experiment by hand: the working tree's train.cpp, built and run as in the loop, logged but not judged.
int train(const Arguments& arguments) {
    const GitRepo git = GitRepo::open(".");
    auto [source, place] = settle_by_hand(git, arguments.settings);
    place.config.repeats = 0;  // one trial, even if the machine disturbs it
    const auto directory = by_hand_directory(git.workdir(), "train");
    const Trial trial = trials_by_hand(place, source, {directory, place.config.seed}).back();
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
    auto [flags, given] =
        commands.add("train", "run one experiment by hand: build and run this tree's train/train.cpp", train);
    flags.json(given.json);
    flags.trial_settings(given.settings);
}

}  // namespace autoresearch

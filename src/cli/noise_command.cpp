#include <spdlog/fmt/fmt.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "contract/experiment_json.h"
#include "judge/paired_judge.h"
#include "plan/workspace.h"
#include "record/run_info.h"

namespace autoresearch {
namespace {

/// Runs the working tree's train.cpp with several seeds, to see which changes of val_bpb mean nothing here.
int measure_noise(const Arguments& arguments) {
    const int count = arguments.seeds.value_or(5);
    const GitRepo git = GitRepo::open(".");
    const auto [source, place] = settle_by_hand(git, arguments.settings);
    const auto directory = by_hand_directory(git.workdir(), "noise");
    Experiment experiment;
    experiment.trials =
        require_good(show_trials_by_hand(place, source, {directory, place.config.seed, count}));
    const auto [sd, degrees] = pooled_noise({}, &experiment);
    if (arguments.json) {
        auto all = nlohmann::ordered_json::array();
        for (const Trial& trial : experiment.trials) all.emplace_back(to_json(trial));
        std::cout << nlohmann::ordered_json{{"noise", sd}, {"degrees", degrees}, {"trials", all}}.dump(2)
                  << "\n";
        return 0;
    }
    for (const Trial& trial : experiment.trials)
        std::cout << fmt::format("seed {}: val_bpb {:.6f}, {} steps\n", trial.seed, trial.val_bpb,
                                 trial.num_steps);
    std::cout << fmt::format("noise {:.5f} ({} degrees of freedom); logs: {}\n", sd, degrees,
                             directory.string());
    return 0;
}

}  // namespace

void add_noise(Commands& commands) {
    auto flags = commands.add(
        "noise", "measure how much val_bpb moves when only the seed changes: this tree's train/train.cpp",
        measure_noise);
    flags.json();
    flags.verbose();
    flags.trial_settings();
    flags.seeds("trials; default 5");
    flags.examples({"autoresearch noise --budget 60 --seeds 8"});
}

}  // namespace autoresearch

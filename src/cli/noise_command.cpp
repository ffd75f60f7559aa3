#include <spdlog/fmt/fmt.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/trial_parts.h"
#include "judge/paired_judge.h"
#include "record/experiment_json.h"

namespace autoresearch {
namespace {

/// The working tree's train.cpp with several seeds: what changes of val_bpb mean nothing here.
int noise(const FlagValues& flags, int count, bool json) {
    const GitRepo git = GitRepo::open(".");
    const auto [source, place] = settle_by_hand(git, flags);
    const auto directory = by_hand_directory(git.workdir(), "noise");
    Experiment experiment;
    experiment.trials = require_good(
        trials_by_hand(place, source, {{}, directory, place.config.seed, place.config.budget}, count));
    const auto [sd, degrees] = pooled_noise({}, &experiment);
    if (json) {
        auto all = nlohmann::ordered_json::array();
        for (const Trial& trial : experiment.trials) all.push_back(to_json(trial));
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

void add_noise_command(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "noise", "how far val_bpb moves when only the seed changes: this tree's train/train.cpp");
    const auto flags =
        add_setting_flags(*command, data_keys({"device", "threads", "budget", "seed", "build_limit",
                                               "startup_limit", "grace", "eval_limit", "repeats"}));
    const auto seeds = std::make_shared<int>(5);
    command->add_option("--seeds", *seeds, "trials; default 5")->check(CLI::Range(2, 1000));
    const auto json = add_json_flag(*command);
    command->callback([=, &exit_code] { exit_code = noise(*flags, *seeds, *json); });
}

}  // namespace autoresearch

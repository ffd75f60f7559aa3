#include <spdlog/fmt/fmt.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/trial_parts.h"
#include "contract/experiment_json.h"
#include "vcs/git_repo.h"

namespace autoresearch {

/// The originals' summary block, from `---` to `depth:`.
static std::string summary_block(const Trial& trial) {
    return fmt::format(
        "---\n"
        "val_bpb:          {:.6f}\n"
        "training_seconds: {:.1f}\n"
        "total_seconds:    {:.1f}\n"
        "peak_vram_mb:     {:.1f}\n"
        "mfu_percent:      {:.2f}\n"
        "total_tokens_M:   {:.1f}\n"
        "num_steps:        {}\n"
        "num_params_M:     {:.1f}\n"
        "depth:            {}\n",
        trial.val_bpb, trial.training_seconds, trial.total_seconds, trial.peak_memory_mb, trial.mfu_percent,
        trial.tokens_m, trial.num_steps, trial.num_params_m, trial.depth);
}

/// One experiment by hand: the working tree's train.cpp, built and run as the loop would, logged, not judged.
int train_command(const Arguments& arguments) {
    const GitRepo git = GitRepo::open(".");
    auto [source, place] = settle_by_hand(git, arguments.settings);
    place.config.repeats = 0;  // one trial, whatever the machine does to it
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

}  // namespace autoresearch

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/final_number.h"
#include "judge/statistics.h"
#include "proc/signals.h"
#include "record/experiment_json.h"
#include "record/run_files.h"
#include "record/terminal_reporter.h"

namespace autoresearch {
namespace {

/// The working tree's train.cpp with several seeds: what changes of val_bpb mean nothing here.
int noise(const FlagValues& flags, int count, bool json) {
    const GitRepo git = GitRepo::open(".");
    const auto [source, place] = settle_by_hand(git, flags);
    const auto directory = by_hand_directory(git.workdir(), "noise");
    SignalStop stop;
    TerminalReporter reporter(STDERR_FILENO, output_style(STDERR_FILENO), directory / run_files::kLog);
    const auto trials =
        trials_with_seeds(place, source, directory, place.config.seed, count, false, reporter, stop);
    PooledVariance spread;
    spread.add(results(trials));
    if (json) {
        auto all = nlohmann::ordered_json::array();
        for (const Trial& trial : trials) all.push_back(to_json(trial));
        const nlohmann::ordered_json result = {
            {"noise", spread.sd()}, {"degrees", spread.degrees}, {"trials", all}};
        std::cout << result.dump(2) << "\n";
        return 0;
    }
    for (const Trial& trial : trials)
        std::cout << fmt::format("seed {}: val_bpb {:.6f}, {} steps\n", trial.seed, trial.val_bpb,
                                 trial.num_steps);
    std::cout << fmt::format("noise {:.5f} ({} degrees of freedom); logs: {}\n", spread.sd(), spread.degrees,
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

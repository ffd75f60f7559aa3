#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "cli/trial_parts.h"
#include "cli/workspace.h"
#include "proc/signals.h"
#include "record/experiment_json.h"
#include "record/run_files.h"
#include "record/terminal_reporter.h"
#include "util/text.h"
#include "util/time.h"
#include "vcs/git_repo.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// One experiment by hand: the working tree's train.cpp, built and run as the loop would, logged, not judged.
int train(const FlagValues& flags, bool json) {
    const Kit kit = open_kit();
    const GitRepo git = GitRepo::open(".");
    const fs::path root = git.workdir();
    const auto source = try_read_file(root / kEditableFile);
    if (!source)
        throw UserError("there is no " + std::string(kEditableFile) + " in " + root.string(),
                        "run it in a clone of autoresearch");
    const ResolvedConfig config = load_config(flags, root, kit.directory);
    const PreparedData data = require_data(config);
    const std::string device = resolve_device(config.values.device, kit);

    git.ensure_ignored();
    const fs::path directory = root / run_files::kFolder / "by-hand" / utc_now("%Y%m%d-%H%M%S");
    fs::create_directories(directory);
    SignalStop stop;
    TerminalReporter reporter(STDERR_FILENO, output_style(STDERR_FILENO), directory / run_files::kLog);
    TrialParts parts = make_trial_parts(kit, config.values, device, data.directory, reporter, stop);
    reporter.phase(-1, "build");
    const auto program = parts.builder.build(*source, directory);
    Trial trial;
    if (program.ok()) {
        reporter.phase(-1, "train, seed " + std::to_string(config.values.seed));
        trial = parts.runner.run({program.value(), directory, config.values.seed, config.values.budget});
    } else {
        trial.ending = program.failure().ending;
        trial.reason = program.failure().reason;
    }
    if (json) {
        std::cout << to_json(trial).dump(2) << "\n";
    } else if (trial.ending == Ending::ok) {
        std::cout << summary_block(trial) << "logs: " << directory.string() << "\n";
    }
    if (trial.ending == Ending::ok) return 0;
    std::fprintf(stderr, "%s: %s\nlogs: %s\n", std::string(to_string(trial.ending)).c_str(),
                 trial.reason.c_str(), directory.c_str());
    return 1;
}

}  // namespace

void add_train_command(CLI::App& app, Action& action) {
    CLI::App* command =
        app.add_subcommand("train", "one experiment by hand: build and run this tree's train/train.cpp");
    const auto flags = std::make_shared<ConfigFlags>(
        *command, data_keys({"device", "threads", "budget", "seed", "build_limit", "startup_limit", "grace",
                             "eval_limit"}));
    const auto json = std::make_shared<bool>(false);
    command->add_flag("--json", *json, "print for programs");
    command->callback([=, &action] { action = [=] { return train(flags->values(), *json); }; });
}

}  // namespace autoresearch

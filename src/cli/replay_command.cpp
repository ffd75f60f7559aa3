#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "cli/run_info.h"
#include "cli/trial_parts.h"
#include "record/experiment_json.h"
#include "record/file_ledger.h"
#include "record/run_files.h"
#include "util/text.h"
#include "vcs/git_repo.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// An experiment with the run it belongs to.
struct Recorded {
    RunInfo run;
    Experiment experiment;
};

bool is_number(const std::string& text) {
    return !text.empty() && text.size() <= 6 && text.find_first_not_of("0123456789") == std::string::npos;
}

Recorded find_by_number(const fs::path& root, const std::string& tag, int number) {
    RunInfo run = require_run(root, tag);
    for (auto& experiment : read_ledger(run.directory)) {
        if (experiment.number == number) return {run, experiment};
    }
    throw UserError("run \"" + run.tag() + "\" has no experiment " + std::to_string(number),
                    "autoresearch status --tag " + run.tag() + " lists them");
}

/// The commit's own trailers say which experiment it is; the ledger is looked up for the rest.
Recorded find_by_commit(const GitRepo& git, const std::string& tag, const std::string& name) {
    const std::string commit = git.resolve(name);
    for (const auto& candidate : tag.empty() ? run_tags(git.workdir()) : std::vector{tag}) {
        try {
            const RunInfo run = require_run(git.workdir(), candidate);
            for (auto& experiment : read_ledger(run.directory)) {
                if (experiment.commit == commit) return {run, experiment};
            }
        } catch (const UserError& error) {  // a damaged run must not hide a whole one
            std::cerr << "note: run " << candidate << " is left out: " << error.what() << "\n";
        }
    }
    throw UserError("commit " + commit.substr(0, 12) + " is no experiment of a run in " +
                        (git.workdir() / run_files::kFolder).string(),
                    "give an experiment's number, or a commit of git for-each-ref refs/autoresearch");
}

std::string comparison(const Experiment& recorded, const Trial& before, const Trial& now) {
    const auto row = [](const char* name, const Trial& trial) {
        return fmt::format("  {:<10} {:.6f} {:7} {:12.1f} {:9.1f}\n", name, trial.val_bpb, trial.num_steps,
                           trial.training_seconds, trial.peak_memory_mb);
    };
    const double difference = now.val_bpb - before.val_bpb;
    const double steps = static_cast<double>(now.num_steps) / static_cast<double>(before.num_steps);
    return fmt::format("experiment {}, {}, seed {}\n", recorded.number, recorded.idea, before.seed) +
           "             val_bpb    steps   training s   peak MB\n" + row("recorded", before) +
           row("replayed", now) +
           fmt::format("  difference {:+.6f} ({:+.2f} %), steps {:+.1f} %\n", difference,
                       100 * difference / before.val_bpb, 100 * (steps - 1));
}

/// The trace of a trial, for a replay that takes the same steps.
fs::path require_trace(const RunInfo& run, const Experiment& experiment, const Trial& trial) {
    const auto trace =
        curve_file(run_files::experiment_directory(run.directory, experiment.number), trial.seed);
    if (trial.ending == Ending::ok && fs::exists(trace)) return trace;
    throw UserError(
        fmt::format("experiment {} has no trace of a whole run to repeat exactly", experiment.number),
        "leave out --exact");
}

int replay(const std::string& what, const std::string& tag, bool json, bool exact) {
    const GitRepo git = GitRepo::open(".");
    const Recorded recorded = is_number(what) ? find_by_number(git.workdir(), tag, std::stoi(what))
                                              : find_by_commit(git, tag, what);
    const RunInfo& run = recorded.run;
    const Experiment& experiment = recorded.experiment;
    if (experiment.trials.empty()) {
        throw UserError(
            fmt::format("experiment {} never ran: {}", experiment.number, experiment.verdict.reason));
    }
    const auto fair = std::find_if(experiment.trials.begin(), experiment.trials.end(),
                                   [](const Trial& trial) { return trial.counts(); });
    const Trial& before = fair == experiment.trials.end() ? experiment.trials.front() : *fair;
    const fs::path trace = exact ? require_trace(run, experiment, before) : fs::path();
    TrialPlace place{open_kit(), run.config.values, run.device, require_same_data(run)};
    place.config.repeats = 0;  // one trial, whatever the machine does to it
    if (run.kit != place.kit.hash || run.torch != place.kit.torch_version) {
        std::cerr << "note: the fixed half was rebuilt since this experiment (" << run.kit << " -> "
                  << place.kit.hash << ")\n";
    }
    const fs::path directory =
        by_hand_directory(git.workdir(), fmt::format("replay-{}-{}", run.tag(), experiment.number));
    const TrialRequest request{{}, directory, before.seed, place.config.budget, trace};
    const Trial now = trials_by_hand(place, git.file(experiment.commit), request).back();
    const bool same = now.ending == before.ending && (!exact || now.val_bpb == before.val_bpb);
    if (json) {
        std::cout << nlohmann::ordered_json{{"experiment", experiment.number},
                                            {"commit", experiment.commit},
                                            {"recorded", to_json(before)},
                                            {"replayed", to_json(now)}}
                         .dump(2)
                  << "\n";
        return same ? 0 : 1;
    }
    if (now.ending == Ending::ok && before.ending == Ending::ok) {
        std::cout << comparison(experiment, before, now);
        if (exact) std::cout << "val_bpb is " << (same ? "the same to the last bit\n" : "NOT the same\n");
    } else {
        std::cout << "recorded: " << to_string(before.ending) << " " << before.reason
                  << "\nreplayed: " << to_string(now.ending) << " " << now.reason << "\n";
    }
    std::cout << "logs: " << directory.string() << "\n";
    return same ? 0 : 1;
}

}  // namespace

void add_replay_command(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "replay", "rebuild and rerun an experiment with its recorded seed, budget and data");
    const auto what = std::make_shared<std::string>();
    command->add_option("experiment", *what, "an experiment's number, or its commit")->required();
    const auto tag = add_tag_flag(*command);
    const auto json = add_json_flag(*command);
    const auto exact = std::make_shared<bool>(false);
    command->add_flag(
        "--exact", *exact,
        "take the recorded steps instead of the clock's: the same val_bpb to the last bit on the same "
        "device, threads and torch, else exit code 1");
    command->callback([=, &exit_code] { exit_code = replay(*what, *tag, *json, *exact); });
}

}  // namespace autoresearch

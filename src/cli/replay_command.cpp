#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "cli/run_info.h"
#include "cli/trial_parts.h"
#include "cli/workspace.h"
#include "proc/signals.h"
#include "record/experiment_json.h"
#include "record/file_ledger.h"
#include "record/run_files.h"
#include "record/terminal_reporter.h"
#include "util/text.h"
#include "util/time.h"
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
            std::fprintf(stderr, "note: run %s is left out: %s\n", candidate.c_str(), error.what());
        }
    }
    throw UserError("commit " + commit.substr(0, 12) + " is no experiment of a run in " +
                        runs_root(git.workdir()).string(),
                    "give an experiment's number, or a commit of git for-each-ref refs/autoresearch");
}

PreparedData require_same_data(const RunInfo& run) {
    const fs::path directory = data_root() / run.data;
    if (!fs::exists(directory)) {
        throw UserError(
            "data set " + run.data + " of run \"" + run.tag() + "\" is not in " + data_root().string(),
            "prepare it again: autoresearch prepare --preset " + run.config.values.preset);
    }
    return {directory, read_meta(directory), true, 0};
}

void print_comparison(const Experiment& recorded, const Trial& before, const Trial& now) {
    const double difference = now.val_bpb - before.val_bpb;
    std::printf("experiment %d, %s, seed %llu\n", recorded.number, recorded.idea.c_str(),
                static_cast<unsigned long long>(before.seed));
    std::printf("             val_bpb    steps   training s   peak MB\n");
    std::printf("  recorded   %.6f %7lld %12.1f %9.1f\n", before.val_bpb,
                static_cast<long long>(before.num_steps), before.training_seconds, before.peak_memory_mb);
    std::printf("  replayed   %.6f %7lld %12.1f %9.1f\n", now.val_bpb, static_cast<long long>(now.num_steps),
                now.training_seconds, now.peak_memory_mb);
    std::printf("  difference %+.6f (%+.2f %%), steps %+.1f %%\n", difference,
                100 * difference / before.val_bpb,
                100.0 * static_cast<double>(now.num_steps - before.num_steps) /
                    static_cast<double>(std::max<std::int64_t>(1, before.num_steps)));
}

/// The trace of a trial, for a replay that takes the same steps. An interrupted attempt may have left one
/// too: the right one has all the steps.
fs::path require_trace(const RunInfo& run, const Experiment& experiment, const Trial& trial) {
    const fs::path folder = run_files::experiment_directory(run.directory, experiment.number);
    for (const fs::path& trace :
         {folder / run_files::kCurve, folder / fmt::format("curve-{}.csv", trial.seed)}) {
        const auto text = try_read_file(trace);
        const auto lines = text ? static_cast<std::int64_t>(split_lines(*text).size()) : 0;
        if (trial.ending == Ending::ok && lines == trial.num_steps + 1)
            return trace;  // the first is the header
    }
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
        throw UserError("experiment " + std::to_string(experiment.number) +
                        " never ran: " + experiment.verdict.reason);
    }
    const Trial& before = experiment.trials.front();
    const fs::path trace = exact ? require_trace(run, experiment, before) : fs::path();
    const Kit kit = open_kit();
    const PreparedData data = require_same_data(run);
    if (run.kit != kit.hash || run.torch != kit.torch_version) {
        std::fprintf(stderr, "note: the fixed half was rebuilt since this experiment (%s -> %s)\n",
                     run.kit.c_str(), kit.hash.c_str());
    }
    const fs::path directory = run_files::experiment_directory(run.directory, experiment.number) /
                               ("replay-" + utc_now("%Y%m%d-%H%M%S"));
    fs::create_directories(directory);
    SignalStop stop;
    TerminalReporter reporter(STDERR_FILENO, output_style(STDERR_FILENO), directory / run_files::kLog);
    TrialParts parts = make_trial_parts(kit, run.config.values, run.device, data.directory, reporter, stop);

    reporter.phase(experiment.number, "build");
    const auto program = parts.builder.build(git.file(experiment.commit), directory);
    if (!program.ok()) throw std::runtime_error("the replay was not built: " + program.failure().reason);
    reporter.phase(experiment.number, "train, seed " + std::to_string(before.seed));
    const Trial now =
        parts.runner.run({program.value(), directory, before.seed, run.config.values.budget, trace});
    fs::remove(program.value());
    const bool same = now.ending == before.ending && (!exact || now.val_bpb == before.val_bpb);
    if (json) {
        std::cout << nlohmann::ordered_json{{"experiment", experiment.number},
                                            {"commit", experiment.commit},
                                            {"recorded", to_json(before)},
                                            {"replayed", to_json(now)}}
                         .dump(2)
                  << "\n";
    } else if (now.ending == before.ending && now.ending != Ending::ok) {
        std::printf("ended as recorded: %s: %s\n", std::string(to_string(now.ending)).c_str(),
                    now.reason.c_str());
    } else if (now.ending == Ending::ok && before.ending == Ending::ok) {
        print_comparison(experiment, before, now);
        if (exact) std::printf("val_bpb is %s\n", same ? "the same to the last bit" : "NOT the same");
    } else {
        std::printf("recorded: %s %s\nreplayed: %s %s\n", std::string(to_string(before.ending)).c_str(),
                    before.reason.c_str(), std::string(to_string(now.ending)).c_str(), now.reason.c_str());
    }
    if (!json) std::printf("logs: %s\n", directory.c_str());
    return same ? 0 : 1;
}

}  // namespace

void add_replay_command(CLI::App& app, Action& action) {
    CLI::App* command = app.add_subcommand(
        "replay", "rebuild and rerun an experiment with its recorded seed, budget and data");
    const auto what = std::make_shared<std::string>();
    const auto tag = std::make_shared<std::string>();
    const auto json = std::make_shared<bool>(false);
    const auto exact = std::make_shared<bool>(false);
    command->add_option("experiment", *what, "an experiment's number, or its commit")->required();
    command->add_option("--tag", *tag, "name of the run; default: the one that was active last");
    command->add_flag("--json", *json, "print for programs");
    command->add_flag(
        "--exact", *exact,
        "take the recorded steps instead of the clock's: the same val_bpb to the last bit on the same "
        "device, threads and torch, else exit code 1");
    command->callback([=, &action] { action = [=] { return replay(*what, *tag, *json, *exact); }; });
}

}  // namespace autoresearch

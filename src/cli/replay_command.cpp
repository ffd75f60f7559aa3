#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "contract/curve.h"
#include "contract/experiment_json.h"
#include "contract/run_files.h"
#include "plan/workspace.h"
#include "record/file_ledger.h"
#include "record/run_info.h"
#include "vcs/git_repo.h"
#include "view/trial_text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// Finds an experiment by number or commit, with its run.
std::pair<RunInfo, Experiment> find_experiment(const GitRepo& git, const Arguments& arguments) {
    const std::string& name = arguments.experiment;
    const bool number = name.size() <= 6 && name.find_first_not_of("0123456789") == std::string::npos;
    const std::string commit = number ? "" : git.resolve(name);
    auto tags = run_tags(git.workdir());
    if (number || !arguments.tag.empty()) tags = {require_run(git.workdir(), arguments.tag).tag()};
    for (const auto& tag : tags) {
        const RunInfo run = require_run(git.workdir(), tag);
        for (const auto& experiment : read_ledger(run.directory)) {
            if (number ? experiment.number == std::stoi(name) : experiment.commit == commit)
                return {run, experiment};
        }
    }
    throw UserError("there is no experiment " + name + " among the runs in " +
                        run_files::all_runs(git.workdir()).string(),
                    "autoresearch status lists the numbers, git for-each-ref refs/autoresearch the commits");
}

/// The trace of a trial, for a replay that repeats its steps.
fs::path require_trace(const RunInfo& run, const Experiment& experiment, const Trial& trial) {
    const auto trace =
        curve_file(run_files::experiment_directory(run.directory, experiment.number), trial.seed);
    if (trial.ending == Ending::ok && fs::exists(trace)) return trace;
    throw UserError(fmt::format("experiment {} has no complete trace to repeat exactly", experiment.number),
                    "leave out --exact");
}

int replay(const Arguments& arguments) {
    const GitRepo git = GitRepo::open(".");
    auto [run, experiment] = find_experiment(git, arguments);
    if (experiment.trials.empty()) {
        throw UserError(
            fmt::format("experiment {} never ran: {}", experiment.number, experiment.verdict.reason));
    }
    const auto fair = std::find_if(experiment.trials.begin(), experiment.trials.end(),
                                   [](const Trial& trial) { return trial.counts(); });
    const Trial& before = fair == experiment.trials.end() ? experiment.trials.front() : *fair;
    const bool exact = arguments.exact;
    const fs::path trace = exact ? require_trace(run, experiment, before) : fs::path();
    TrialPlace place = place_of(run, open_kit(), arguments.settings);
    place.config.repeats = 0;  // one trial, even if the machine disturbs it
    print_notes(run.config);
    if (const auto note = rebuilt_note(run, place.kit); !note.empty()) std::cerr << "note: " << note << "\n";
    const fs::path directory =
        by_hand_directory(git.workdir(), fmt::format("replay-{}-{}", run.tag(), experiment.number));
    const ByHand wanted{directory, before.seed, 1, exact ? read_curve(trace).share : std::vector<double>()};
    const Trial now = show_trials_by_hand(place, git.source(experiment.commit), wanted).back();
    const bool same = now.ending == before.ending && (!exact || now.val_bpb == before.val_bpb);
    if (arguments.json) {
        std::cout << nlohmann::ordered_json{{"experiment", experiment.number},
                                            {"commit", experiment.commit},
                                            {"recorded", to_json(before)},
                                            {"replayed", to_json(now)}}
                         .dump(2)
                  << "\n";
    } else if (now.ending == Ending::ok && before.ending == Ending::ok) {
        std::cout << comparison(experiment, before, now);
        if (exact) std::cout << "val_bpb is " << (same ? "the same to the last bit\n" : "NOT the same\n");
    } else {
        std::cout << "recorded: " << to_string(before.ending) << " " << before.reason
                  << "\nreplayed: " << to_string(now.ending) << " " << now.reason << "\n";
    }
    if (!arguments.json) std::cout << "logs: " << directory.string() << "\n";
    return same ? 0 : 1;
}

}  // namespace

void add_replay(Commands& commands) {
    auto flags = commands.add(
        "replay", "rebuild and rerun an experiment with its recorded seed, budget and data", replay);
    flags.json();
    flags.verbose();
    flags.required("experiment", flags.given.experiment, "the experiment's number or commit");
    flags.flag(
        "--exact", flags.given.exact,
        "repeat the recorded steps instead of following the clock; val_bpb must then match to the last "
        "bit on the same device, threads and torch, otherwise exit code 1");
    flags.tag();
    flags.no_box();
    flags.examples({"autoresearch replay 12", "autoresearch replay 12 --exact"});
}

}  // namespace autoresearch

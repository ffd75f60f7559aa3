#include "loop/trial_rounds.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// Nothing is known of the candidate, and it is not its fault. A run cannot begin like that.
Status unjudged(const std::string& why, const Experiment* incumbent, Experiment& experiment) {
    if (incumbent == nullptr) return Failure{Ending::no_result, why};
    experiment.verdict = {Decision::unjudged, Ending::no_result, why, {}};
    return {};
}

/// One that is clearly slower than a later one of the same code was disturbed, seen or not.
void void_slower_ones(std::vector<Trial>& trials) {
    const double reached = trials.back().counts() ? trials.back().steps_per_second() : 0;
    for (Trial& trial : trials) {
        const double speed = reached > 0 ? trial.steps_per_second() / reached : 1;
        if (trial.counts() && speed < kLeastSpeed)
            trial.void_because =
                fmt::format("{:.0f} % of the steps per second of a later trial", 100 * speed);
    }
}

/// The rounds of one experiment, with what all of them need.
struct Rounds {
    const Steps& steps;
    const World& world;
    const Settings& settings;
    const fs::path& program;
    const Experiment* incumbent;
    Experiment& experiment;
    fs::path reference = {};  // the incumbent's program, once it was needed

    Status until_verdict() {
        const auto& history = world.ledger.experiments();
        while (true) {
            const auto answer = steps.judge.judge(incumbent, experiment, history);
            if (const auto* verdict = std::get_if<Verdict>(&answer)) {
                experiment.verdict = *verdict;
                if (incumbent != nullptr && steps.curves != nullptr)
                    experiment.verdict.evidence.equal_steps =
                        steps.curves->at_equal_steps(*incumbent, experiment);
                return {};
            }
            const auto& more = std::get<MoreTrials>(answer);
            const bool of_incumbent = more.of_incumbent && incumbent != nullptr;
            const Trial trial = of_incumbent ? of_reference(more.seed) : of_candidate(more.seed);
            if (!trial.counts()) return without_verdict(trial, of_incumbent);
        }
    }

    Trial of_candidate(std::uint64_t seed) {
        const auto& history = world.ledger.experiments();
        TrialRequest request{program, world.ledger.directory(experiment.number), seed, settings.budget};
        if (incumbent != nullptr && experiment.trials.empty() && steps.curves != nullptr)
            request.hopeless =
                steps.curves->early_end(*incumbent, request, history, steps.judge.noise(history));
        return run(request, "train", experiment.trials, experiment.trials);
    }

    /// Builds the incumbent again where that is still to be done; without a program the trial says why.
    Trial of_reference(std::uint64_t seed) {
        const fs::path directory = world.ledger.directory(incumbent->number);
        const std::string name = fmt::format("experiment {}", incumbent->number);
        if (reference.empty()) {
            world.reporter.phase(experiment.number, "build " + name + " again");
            const auto built = steps.builder.build(world.repo.source(incumbent->commit), directory);
            if (!built.ok()) {
                Trial trial;
                trial.ending = built.failure().ending;
                trial.reason = name + " was not built again: " + built.failure().reason;
                return trial;
            }
            reference = built.value();
        }
        Trial trial = run({reference, directory, seed, settings.budget}, "train " + name, incumbent->trials,
                          experiment.reference_trials);
        if (!trial.counts())
            trial.reason = fmt::format("{} failed with seed {}: {}", name, seed, trial.reason);
        return trial;
    }

    /// `known`: the trials of the same code.
    Trial run(TrialRequest request, const std::string& what, const std::vector<Trial>& known,
              std::vector<Trial>& trials) {
        request.reached = best_rate(known);
        request.void_trials = &trials;
        world.reporter.phase(experiment.number, fmt::format("{}, seed {}", what, request.seed));
        trials.push_back(steps.runner.run(request));
        const Trial trial = trials.back();
        if (settings.repeats > 0) void_slower_ones(trials);
        return trial;
    }

    Status without_verdict(const Trial& trial, bool of_incumbent) {
        if (trial.ending == Ending::interrupted) return Failure{trial.ending, trial.reason};
        if (of_incumbent || !trial.void_because.empty()) return unjudged(trial.reason, incumbent, experiment);
        if (trial.ending != Ending::ended_early) return Failure{trial.ending, trial.reason};
        experiment.verdict = {Decision::discard, trial.ending, trial.reason, {}};
        return {};
    }
};

}  // namespace

Status run_trials(const Steps& steps, const World& world, const Settings& settings, const fs::path& program,
                  const Experiment* incumbent, Experiment& experiment) {
    Rounds rounds{steps, world, settings, program, incumbent, experiment};
    const Status status = rounds.until_verdict();
    std::error_code ignored;  // programs are large and can be rebuilt from the commits
    for (const fs::path& built : {program, rounds.reference}) fs::remove(built, ignored);
    return status;
}

double best_rate(const std::vector<Trial>& trials) {
    double best = 0;
    for (const Trial& trial : trials)
        if (trial.counts()) best = std::max(best, trial.steps_per_second());
    return best;
}

}  // namespace autoresearch

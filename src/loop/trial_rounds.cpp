#include "loop/trial_rounds.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "contract/run_files.h"
#include "util/hash.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// Nothing is known of the candidate, and it is not its fault. A run cannot begin like that.
Status unjudged(const std::string& why, const Settings& settings, const Experiment* incumbent,
                Experiment& experiment) {
    if (incumbent == nullptr) {
        const bool by_wall = settings.device == "cpu" && !settings.counts_cpu_time();
        return Failure{Ending::machine, why + (by_wall ? "; --clock cpu needs no quiet machine, " : "; ") +
                                            "--repeats 0 takes it as it is"};
    }
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
    const TrialSpec& common;
    const std::string& source;
    const fs::path& program;
    const Experiment* incumbent;
    Experiment& experiment;
    fs::path reference = {};  // the incumbent's program, once it was needed

    Status until_verdict() {
        const auto& history = world.ledger.experiments();
        take_up(source, experiment.trials);
        if (incumbent != nullptr) take_up(world.repo.source(incumbent->commit), experiment.reference_trials);
        // A crash or an early end that a kill kept from being recorded. A void one was the machine's.
        for (const Trial& trial : experiment.trials)
            if (trial.ending != Ending::ok && trial.void_because.empty()) return failed(trial);
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
            if (trial.counts()) continue;
            if (trial.ending == Ending::interrupted) return Failure{trial.ending, trial.reason};
            if (of_incumbent || !trial.void_because.empty())
                return unjudged(trial.reason, settings, incumbent, experiment);
            return failed(trial);
        }
    }

    /// What an earlier start of this run finished and lost before the verdict.
    void take_up(const std::string& code, std::vector<Trial>& trials) {
        TrialSpec spec = common;
        spec.source_hash = hex(xxh64(code));
        for (const Trial& trial : world.ledger.saved_trials(experiment.number, spec)) {
            trials.push_back(trial);
            if (settings.repeats > 0) void_slower_ones(trials);
        }
        if (!trials.empty())
            world.reporter.note(fmt::format("experiment {}: {} finished {}", experiment.number, trials.size(),
                                            trials.size() == 1 ? "trial of an earlier start counts"
                                                               : "trials of an earlier start count"));
    }

    Trial of_candidate(std::uint64_t seed) {
        TrialRequest request{common, program, world.ledger.directory(experiment.number)};
        request.spec.source = source;
        request.spec.seed = seed;
        const auto& history = world.ledger.experiments();
        if (incumbent != nullptr && experiment.trials.empty() && steps.curves != nullptr)
            request.spec.stop =
                steps.curves->early_end(*incumbent, seed, history, steps.judge.noise(history));
        return run(request, "train", experiment.trials, experiment.trials);
    }

    /// Builds the incumbent again where that is still to be done; without a program the trial says why.
    Trial of_reference(std::uint64_t seed) {
        TrialRequest request{common, {}, world.ledger.directory(incumbent->number)};
        request.spec.source = world.repo.source(incumbent->commit);
        request.spec.seed = seed;
        const std::string name = fmt::format("experiment {}", incumbent->number);
        if (reference.empty()) {
            world.reporter.phase(experiment.number, "rebuilding " + name);
            const auto built = steps.builder.build(request.spec.source, request.directory);
            if (!built.ok()) {
                Failure failure = built.failure();
                failure.reason = name + " was not built again: " + failure.reason;
                return failed_trial(failure);
            }
            reference = built.value();
        }
        request.program = reference;
        Trial trial = run(request, "train " + name, incumbent->trials, experiment.reference_trials);
        if (!trial.counts())
            trial.reason = fmt::format("{} failed with seed {}: {}", name, seed, trial.reason);
        return trial;
    }

    /// `known`: the trials of the same code.
    Trial run(TrialRequest request, const std::string& what, const std::vector<Trial>& known,
              std::vector<Trial>& trials) {
        request.spec.experiment = experiment.number;
        request.spec.source_hash = hex(xxh64(request.spec.source));
        request.reached = best_rate(known);
        request.void_trials = &trials;
        world.reporter.phase(experiment.number, fmt::format("{}, seed {}", what, request.spec.seed));
        const std::size_t before = trials.size();
        trials.push_back(steps.runner.run(request));
        // A crash counts against a candidate only: before a baseline is tried again, its cause may be fixed.
        // What never took a step may be the machine's, and costs little to run again.
        const bool of_candidate = incumbent != nullptr && &trials == &experiment.trials;
        for (std::size_t i = before; i < trials.size(); ++i)
            if (trials[i].ending == Ending::ok ||
                (of_candidate && trials[i].ending != Ending::interrupted && !trials[i].never_stepped))
                world.ledger.save_trial(experiment.number, request.spec, trials[i]);
        const Trial trial = trials.back();
        if (settings.repeats > 0) void_slower_ones(trials);
        return trial;
    }

    Status failed(const Trial& trial) {
        if (trial.ending == Ending::ended_early) {
            experiment.verdict = {Decision::discard, trial.ending, trial.reason, {}};
            return {};
        }
        if (trial.never_stepped && incumbent != nullptr)
            if (const Status machine = look_at_machine(steps, world, common, *incumbent, experiment.number);
                !machine.ok())
                return machine;
        return Failure{trial.ending, trial.reason};
    }
};

}  // namespace

Status look_at_machine(const Steps& steps, const World& world, const TrialSpec& common,
                       const Experiment& incumbent, int experiment) {
    TrialRequest request{common, {}, run_files::machine_check(world.ledger.directory(experiment))};
    request.spec.source = world.repo.source(incumbent.commit);
    request.spec.experiment = experiment;
    request.first_step_only = true;
    world.reporter.phase(experiment, "check the machine with the incumbent");
    const auto built = steps.builder.build(request.spec.source, request.directory);
    Failure failure;
    if (built.ok()) {
        request.program = built.value();
        const Trial trial = steps.runner.run(request);
        failure = {trial.ending, trial.reason};
    } else {
        failure = built.failure();
    }
    std::error_code ignored;
    fs::remove_all(request.directory, ignored);
    if (failure.ending == Ending::ok || failure.ending == Ending::ended_early) return {};
    if (failure.ending == Ending::interrupted) return failure;
    return Failure{Ending::machine,
                   "the machine fails: what worked does not start either: " + failure.reason};
}

Status run_trials(const Steps& steps, const World& world, const LoopSettings& settings,
                  const std::string& source, const fs::path& program, const Experiment* incumbent,
                  Experiment& experiment) {
    Rounds rounds{steps, world, settings.config, settings.spec, source, program, incumbent, experiment};
    const Status status = rounds.until_verdict();
    std::error_code ignored;  // programs are large and can be rebuilt from the commits
    for (const fs::path& built : {program, rounds.reference}) fs::remove(built, ignored);
    return status;
}

}  // namespace autoresearch

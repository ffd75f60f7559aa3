#include "loop/trial_rounds.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "loop/experiment_loop.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr double kMostWaiting = 0.1;   // of a trial's thread time, that it may wait for others
constexpr double kLeastSpeed = 0.85;   // of the steps per second that the same code reached
constexpr double kBackOff = 30;        // seconds before the first repeat; four times as many before each next
constexpr double kStopInterval = 0.2;  // seconds between looks at the stop request

/// Why the trial's result says nothing of its code; empty for a fair trial.
std::string disturbance(const Trial& trial, double rate, const Settings& config) {
    const double speed = rate > 0 ? trial.steps_per_second() / rate : 1;
    if (speed < kLeastSpeed)
        return fmt::format("{:.0f} % of the steps per second that it reached before", 100 * speed);
    const double lost = trial.conditions.wait_seconds + trial.conditions.steal_seconds;
    const double share = trial.wall_seconds > 0 ? lost / (config.threads * trial.wall_seconds) : 0;
    if (share <= kMostWaiting || config.counts_cpu_time()) return "";
    return fmt::format("it waited for other work for {:.0f} % of its time", 100 * share);
}

/// False when the person wants the run to end.
bool wait(double seconds, const Clock& clock, const StopRequest& stop) {
    for (const double until = clock.seconds() + seconds; clock.seconds() < until;) {
        if (stop.now() || stop.after_experiment()) return false;
        clock.sleep(kStopInterval);
    }
    return true;
}

/// Nothing is known of the candidate, and it is not its fault. A run cannot begin like that.
std::optional<Failure> not_judged(const std::string& why, const Experiment* incumbent,
                                  Experiment& experiment) {
    if (incumbent == nullptr) return Failure{Ending::no_result, why};
    experiment.verdict = {Decision::discard, Ending::no_result, "not judged: " + why, 0};
    return std::nullopt;
}

/// As run_trials(); leaves the incumbent's program behind when it was needed.
std::optional<Failure> try_seeds(const LoopParts& parts, const Settings& config, const fs::path& program,
                                 const Experiment* incumbent, Experiment& experiment, fs::path& reference) {
    const FairTrials fair{parts.runner, parts.reporter, parts.stop, parts.clock, config};
    const auto& history = parts.ledger.experiments();
    while (true) {
        const auto answer = parts.judge.judge(incumbent, experiment, history);
        if (const auto* verdict = std::get_if<Verdict>(&answer)) {
            experiment.verdict = *verdict;
            if (incumbent != nullptr && parts.curves != nullptr)
                experiment.verdict.reason += parts.curves->explain(*incumbent, experiment);
            return std::nullopt;
        }
        const std::uint64_t seed = std::get<MoreTrials>(answer).seed;
        const bool of_incumbent = std::get<MoreTrials>(answer).of_incumbent && incumbent != nullptr;
        const Experiment& code = of_incumbent ? *incumbent : experiment;
        const fs::path directory = parts.ledger.directory(code.number);
        const std::string name = fmt::format("experiment {}", code.number);
        if (of_incumbent && reference.empty()) {
            parts.reporter.phase(experiment.number, "build " + name + " again");
            const auto built = parts.builder.build(parts.repo.source(incumbent->commit), directory);
            if (!built.ok() && built.failure().ending == Ending::interrupted) return built.failure();
            if (!built.ok())
                return not_judged(name + " was not built again: " + built.failure().reason, incumbent,
                                  experiment);
            reference = built.value();
        }
        TrialRequest request{of_incumbent ? reference : program, directory, seed, config.budget};
        if (!of_incumbent && incumbent != nullptr && experiment.trials.empty() && parts.curves != nullptr)
            request.hopeless =
                parts.curves->early_end(*incumbent, request, history, parts.judge.noise(history));
        const Trial trial =
            fair.run(request, experiment.number, of_incumbent ? "train " + name : "train",
                     best_rate(code.trials), of_incumbent ? experiment.reference_trials : experiment.trials);
        if (trial.counts()) continue;
        if (trial.ending == Ending::interrupted) return Failure{trial.ending, trial.reason};
        if (of_incumbent)
            return not_judged(fmt::format("{} failed with seed {}: {}", name, seed, trial.reason), incumbent,
                              experiment);
        if (!trial.disturbed.empty()) return not_judged(trial.reason, incumbent, experiment);
        if (trial.ending != Ending::ended_early) return Failure{trial.ending, trial.reason};
        experiment.verdict = {Decision::discard, trial.ending, trial.reason, 0};
        return std::nullopt;
    }
}

}  // namespace

std::optional<Failure> run_trials(const LoopParts& parts, const Settings& config, const fs::path& program,
                                  const Experiment* incumbent, Experiment& experiment) {
    fs::path reference;
    auto failure = try_seeds(parts, config, program, incumbent, experiment, reference);
    std::error_code ignored;  // programs are large and can be rebuilt from the commits
    for (const fs::path& built : {program, reference}) fs::remove(built, ignored);
    return failure;
}

double best_rate(const std::vector<Trial>& trials) {
    double best = 0;
    for (const Trial& trial : trials)
        if (trial.counts()) best = std::max(best, trial.steps_per_second());
    return best;
}

Trial FairTrials::run(const TrialRequest& request, int experiment, const std::string& what, double rate,
                      std::vector<Trial>& trials) const {
    double pause = kBackOff;
    for (int round = 0;; ++round, pause *= 4) {
        reporter.phase(experiment, fmt::format("{}, seed {}", what, request.seed));
        Trial trial = runner.run(request);
        if (trial.counts()) trial.disturbed = disturbance(trial, rate, config);
        if (config.repeats == 0 || trial.ending == Ending::interrupted) trial.disturbed.clear();
        trials.push_back(trial);
        if (trial.disturbed.empty()) break;
        trial.reason = "the machine disturbed the trial: " + trial.disturbed;
        if (round == config.repeats) {
            trial.reason += fmt::format(" ({} times)", round + 1);
            return trial;
        }
        reporter.note(fmt::format("{}; again in {:.0f} s", trial.reason, pause));
        if (!wait(pause, clock, stop)) {
            trial.ending = Ending::interrupted;
            trial.disturbed.clear();
            return trial;
        }
    }
    // One that is clearly slower than a later one of the same code was disturbed, seen or not.
    const double reached =
        config.repeats > 0 && trials.back().counts() ? trials.back().steps_per_second() : 0;
    for (Trial& trial : trials) {
        const double speed = reached > 0 ? trial.steps_per_second() / reached : 1;
        if (trial.counts() && speed < kLeastSpeed)
            trial.disturbed = fmt::format("{:.0f} % of the steps per second of a later trial", 100 * speed);
    }
    return trials.back();
}

}  // namespace autoresearch

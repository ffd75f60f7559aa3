#include "loop/trial_rounds.h"

#include <algorithm>
#include <cstdio>

#include "loop/experiment_loop.h"

namespace autoresearch {
namespace {

constexpr double kMostWaiting = 0.1;   // of a trial's thread time, that it may wait for others
constexpr double kLeastSpeed = 0.85;   // of the steps per second that the same code reached
constexpr double kStopInterval = 0.2;  // seconds between looks at the stop request

std::string percent(double share) {
    char text[16];
    std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
    return text;
}

class Rounds {
  public:
    Rounds(const LoopParts& parts, const LoopSettings& settings, std::filesystem::path program,
           const Experiment* incumbent, Experiment& experiment)
        : parts_(parts),
          settings_(settings),
          program_(std::move(program)),
          incumbent_(incumbent),
          experiment_(experiment) {}
    ~Rounds() {
        std::error_code ignored;  // the candidate's is its caller's
        if (!incumbent_program_.empty()) std::filesystem::remove(incumbent_program_, ignored);
    }
    Rounds(const Rounds&) = delete;
    Rounds& operator=(const Rounds&) = delete;

    std::optional<Failure> run() {
        while (!settled_) {
            const auto answer = parts_.judge.judge(incumbent_, experiment_, parts_.ledger.experiments());
            if (const auto* verdict = std::get_if<Verdict>(&answer)) {
                settle(*verdict);
                if (incumbent_ != nullptr && parts_.curves != nullptr)
                    experiment_.verdict.reason += parts_.curves->explain(*incumbent_, experiment_);
                break;
            }
            const auto more = std::get<MoreTrials>(answer);
            if (auto failure = more.of_incumbent ? reference(more.seed) : candidate(more.seed))
                return failure;
        }
        return std::nullopt;
    }

  private:
    void settle(Verdict verdict) {
        experiment_.verdict = std::move(verdict);
        settled_ = true;
    }

    /// Nothing is known of the candidate, and it is not its fault. A run cannot begin like that.
    std::optional<Failure> not_judged(const std::string& why) {
        if (incumbent_ == nullptr) return Failure{Ending::no_result, why};
        settle({Decision::discard, Ending::ok, "not judged: " + why, 0});
        return std::nullopt;
    }

    std::optional<Failure> candidate(std::uint64_t seed) {
        TrialRequest request{program_, parts_.ledger.directory(experiment_.number), seed, settings_.budget};
        if (incumbent_ != nullptr && experiment_.trials.empty() && parts_.curves != nullptr) {
            const auto& history = parts_.ledger.experiments();
            request.hopeless = parts_.curves->early_end(*incumbent_, experiment_, seed, history,
                                                        parts_.judge.noise(history));
        }
        auto failure = fair_trial(request, "train, seed ", experiment_.trials, best_rate(experiment_));
        if (!failure || failure->ending != Ending::ended_early) return failure;
        settle({Decision::discard, Ending::ended_early, failure->reason, 0});
        return std::nullopt;
    }

    std::optional<Failure> reference(std::uint64_t seed) {
        const auto directory = parts_.ledger.directory(incumbent_->number);
        const std::string name = "experiment " + std::to_string(incumbent_->number);
        if (incumbent_program_.empty()) {
            parts_.reporter.phase(experiment_.number, "build " + name + " again");
            const auto built = parts_.builder.build(parts_.repo.source(incumbent_->commit), directory);
            if (!built.ok() && built.failure().ending == Ending::interrupted) return built.failure();
            if (!built.ok()) return not_judged(name + " was not built again: " + built.failure().reason);
            incumbent_program_ = built.value();
        }
        auto failure =
            fair_trial({incumbent_program_, directory, seed, settings_.budget}, "train " + name + ", seed ",
                       experiment_.reference_trials, best_rate(*incumbent_));
        if (!failure || failure->ending == Ending::interrupted) return failure;
        return not_judged(name + " failed with seed " + std::to_string(seed) + ": " + failure->reason);
    }

    static double best_rate(const Experiment& code) {
        double best = 0;
        for (const Trial& trial : code.trials) {
            if (trial.counts()) best = std::max(best, trial.steps_per_second());
        }
        return best;
    }

    /// One trial, repeated for as long as the machine disturbs it. `rate`: the steps per second that this
    /// code reached before.
    std::optional<Failure> fair_trial(const TrialRequest& request, const std::string& phase,
                                      std::vector<Trial>& trials, double rate) {
        double pause = settings_.back_off;
        for (int round = 0;; ++round, pause *= 4) {
            parts_.reporter.phase(experiment_.number, phase + std::to_string(request.seed));
            Trial trial = parts_.runner.run(request);
            if (settings_.repeats == 0) {
                trial.disturbed.clear();
            } else if (trial.disturbed.empty() && trial.ending == Ending::ok) {
                trial.disturbed = disturbance(trial, rate);
            }
            trials.push_back(trial);
            if (trial.ending == Ending::interrupted) return Failure{trial.ending, trial.reason};
            if (trial.disturbed.empty()) {
                if (trial.ending != Ending::ok) return Failure{trial.ending, trial.reason};
                drop_slow(trials, trial.steps_per_second());
                return std::nullopt;
            }
            const std::string why = "the machine disturbed the trial: " + trial.disturbed;
            if (round == settings_.repeats) {
                return not_judged(why + " (" + std::to_string(round + 1) + " times)");
            }
            parts_.reporter.note(why + "; again in " + std::to_string(static_cast<int>(pause)) + " s");
            if (!wait(pause)) return Failure{Ending::interrupted, "stopped while the machine was busy"};
        }
    }

    std::string disturbance(const Trial& trial, double rate) const {
        const double speed = rate > 0 ? trial.steps_per_second() / rate : 1;
        if (speed < kLeastSpeed) return percent(speed) + " of the steps per second that it reached before";
        return starvation(trial, settings_.threads);
    }

    /// A trial that is clearly slower than a later one of the same code was disturbed, seen or not.
    void drop_slow(std::vector<Trial>& trials, double rate) const {
        for (Trial& trial : trials) {
            if (settings_.repeats == 0 || !trial.counts()) continue;
            const double speed = rate > 0 ? trial.steps_per_second() / rate : 1;
            if (speed < kLeastSpeed)
                trial.disturbed = percent(speed) + " of the steps per second of a later trial";
        }
    }

    /// False when the person wants the run to end.
    bool wait(double seconds) const {
        for (const double until = parts_.clock.seconds() + seconds; parts_.clock.seconds() < until;) {
            if (parts_.stop.now() || parts_.stop.after_experiment()) return false;
            parts_.clock.sleep(kStopInterval);
        }
        return true;
    }

    const LoopParts& parts_;
    const LoopSettings& settings_;
    std::filesystem::path program_, incumbent_program_;
    const Experiment* incumbent_;
    Experiment& experiment_;
    bool settled_ = false;
};

}  // namespace

std::optional<Failure> run_trials(const LoopParts& parts, const LoopSettings& settings,
                                  const std::filesystem::path& program, const Experiment* incumbent,
                                  Experiment& experiment) {
    return Rounds(parts, settings, program, incumbent, experiment).run();
}

std::string starvation(const Trial& trial, int threads) {
    const double lost = trial.conditions.wait_seconds + trial.conditions.steal_seconds;
    const double share = trial.wall_seconds > 0 ? lost / (threads * trial.wall_seconds) : 0;
    return share > kMostWaiting ? "it waited for other work for " + percent(share) + " of its time" : "";
}

}  // namespace autoresearch

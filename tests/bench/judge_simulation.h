#pragma once

// Simulated runs for the test and the benchmark of the judge: changes whose true effect is known.

#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "contract/steps.h"

namespace autoresearch {

/// val_bpb of a code with a seed, in noise units: its own mean, a part that belongs to the seed and is the
/// same for all codes (a share `shared` of the variance), and a part of its own. `heavy`: the own part has
/// the tails of Student's t with 4 degrees of freedom.
class SimulatedTrials {
  public:
    SimulatedTrials(std::mt19937_64& random, double shared, bool heavy)
        : random_(random), shared_(shared), heavy_(heavy) {}

    Trial run(double mean, std::uint64_t seed) {
        const auto [common, is_new] = by_seed_.try_emplace(seed, 0.0);
        if (is_new) common->second = normal_(random_);
        const double own = heavy_ ? student_(random_) / std::sqrt(2.0) : normal_(random_);
        Trial trial;
        trial.ending = Ending::ok;
        trial.seed = seed;
        trial.val_bpb = 1000 + mean + std::sqrt(shared_) * common->second + std::sqrt(1 - shared_) * own;
        return trial;
    }

  private:
    std::mt19937_64& random_;
    double shared_;
    bool heavy_;
    std::map<std::uint64_t, double> by_seed_;
    std::normal_distribution<double> normal_;
    std::student_t_distribution<double> student_{4};
};

struct SimulatedRun {
    int kept = 0;
    int trials = 0;  // of the experiments, those of the incumbent for comparison included
};

/// A run of `nulls` changes without effect and then one that is better by `effect` noise units; `kept` and
/// `trials` count the last `count` of them. Every change starts from the incumbent.
inline SimulatedRun simulate(const Judge& judge, SimulatedTrials& world, int experiments, int counted,
                             double last_effect) {
    std::vector<Experiment> history;
    std::vector<double> means;
    std::size_t incumbent = 0;
    SimulatedRun result;
    for (int number = 0; number <= experiments; ++number) {
        Experiment candidate;
        candidate.number = number;
        means.push_back(number == 0 ? 0 : means[incumbent] - (number == experiments ? last_effect : 0));
        const Experiment* best = number == 0 ? nullptr : &history[incumbent];
        while (true) {
            const auto answer = judge.judge(best, candidate, history);
            if (const auto* more = std::get_if<MoreTrials>(&answer)) {
                auto& trials = more->of_incumbent ? candidate.reference_trials : candidate.trials;
                trials.push_back(world.run(
                    means[more->of_incumbent ? incumbent : static_cast<std::size_t>(number)], more->seed));
                continue;
            }
            candidate.verdict = std::get<Verdict>(answer);
            break;
        }
        const bool kept = candidate.verdict.decision == Decision::keep;
        if (number > experiments - counted) {
            result.kept += kept ? 1 : 0;
            result.trials += static_cast<int>(candidate.trials.size() + candidate.reference_trials.size());
        }
        history.push_back(std::move(candidate));
        if (kept) incumbent = history.size() - 1;
    }
    return result;
}

}  // namespace autoresearch

#include "judge/trial_curves.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace autoresearch {
namespace {

constexpr int kEnough = 8;           // finished trials before anything is ended
constexpr double kLostKeeps = 0.01;  // of would-be keeps, over all checkpoints

std::optional<double> behind(const Curve& candidate, const Curve& incumbent, double share) {
    const auto mine = mean_loss(candidate, share), theirs = mean_loss(incumbent, share);
    return mine && theirs ? std::optional(*mine - *theirs) : std::nullopt;
}

const Trial* find_trial(const Experiment& experiment, std::uint64_t seed) {
    for (const Trial& trial : experiment.trials)
        if (trial.seed == seed && trial.counts()) return &trial;
    return nullptr;
}

/// The first trial that counts, and the incumbent's with the same seed; nulls if there is no such pair.
std::pair<const Trial*, const Trial*> first_pair(const Experiment& candidate, const Experiment& incumbent) {
    for (const Trial& trial : candidate.trials) {
        const Trial* other = trial.counts() ? find_trial(incumbent, trial.seed) : nullptr;
        if (other != nullptr) return {&trial, other};
    }
    return {};
}

}  // namespace

void EarlyEnd::learn(const Curve& finished, const Curve& incumbent, double difference) {
    for (std::size_t i = 0; i < kCheckpoints.size(); ++i)
        if (const auto distance = behind(finished, incumbent, kCheckpoints[i]))
            lines_[i].add(*distance, difference);
}

double EarlyEnd::hopeless_distance(std::size_t checkpoint, double noise) const {
    const Line& line = lines_[checkpoint];
    if (line.count() < kEnough) return std::numeric_limits<double>::infinity();
    return line.reach(noise, kLostKeeps / kCheckpoints.size());
}

std::vector<StopThreshold> EarlyEnd::thresholds(const Curve& incumbent, double noise) const {
    std::vector<StopThreshold> result;
    for (std::size_t i = 0; i < kCheckpoints.size(); ++i) {
        const auto loss = mean_loss(incumbent, kCheckpoints[i]);
        const double distance = hopeless_distance(i, noise);
        if (loss && std::isfinite(distance)) result.push_back({kCheckpoints[i], *loss + distance});
    }
    return result;
}

std::vector<StopThreshold> TrialCurves::early_end(const Experiment& incumbent, std::uint64_t seed,
                                                  const std::vector<Experiment>& history,
                                                  const Noise& noise) {
    if (!early_ || find_trial(incumbent, seed) == nullptr) return {};
    // What was learned is kept: a night of n experiments reads each curve once.
    for (; learned_ < history.size(); ++learned_) {
        const Experiment& experiment = history[learned_];
        if (best_)
            if (const auto [mine, theirs] = first_pair(experiment, history[*best_]); mine != nullptr)
                rule_.learn(curve_of(experiment, mine->seed), curve_of(history[*best_], mine->seed),
                            mine->val_bpb - theirs->val_bpb);
        if (experiment.verdict.decision == Decision::keep) best_ = learned_;
    }
    return rule_.thresholds(curve_of(incumbent, seed), noise.sd);
}

EqualSteps TrialCurves::at_equal_steps(const Experiment& incumbent, const Experiment& candidate) const {
    const auto [trial, other] = first_pair(candidate, incumbent);
    if (trial == nullptr) return {};
    const std::vector<double> mine = curve_of(candidate, trial->seed).loss,
                              theirs = curve_of(incumbent, trial->seed).loss;
    const auto steps = static_cast<std::ptrdiff_t>(std::min(mine.size(), theirs.size()));
    if (steps == 0) return {};
    const std::ptrdiff_t last = std::max<std::ptrdiff_t>(1, steps / 10);
    const auto mean = [&](const std::vector<double>& loss) {
        return std::accumulate(loss.begin() + steps - last, loss.begin() + steps, 0.0) /
               static_cast<double>(last);
    };
    return {static_cast<double>(mine.size()) / static_cast<double>(theirs.size()), mean(mine) - mean(theirs)};
}

}  // namespace autoresearch

#include "judge/trial_curves.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>

#include "util/text.h"

namespace autoresearch {
namespace {

constexpr int kEnough = 8;           // finished trials before anything is ended
constexpr double kLostKeeps = 0.01;  // of would-be keeps, over all checkpoints
constexpr double kWindow = 0.2;  // of the budget: one step's loss says more of its batch than of the model

/// Of the fifth of the budget up to `share`; nothing when the curve has no steps there.
std::optional<double> mean_loss(const Curve& curve, double share) {
    double sum = 0;
    int count = 0;
    for (std::size_t i = 0; i < curve.share.size(); ++i) {
        if (curve.share[i] <= share - kWindow || curve.share[i] > share) continue;
        sum += curve.loss[i];
        ++count;
    }
    return count == 0 ? std::nullopt : std::optional(sum / count);
}

std::optional<double> behind(const Curve& candidate, const Curve& incumbent, double share) {
    const auto mine = mean_loss(candidate, share), theirs = mean_loss(incumbent, share);
    return mine && theirs ? std::optional(*mine - *theirs) : std::nullopt;
}

const Trial* find_trial(const Experiment& experiment, std::uint64_t seed) {
    for (const Trial& trial : experiment.trials)
        if (trial.seed == seed && trial.counts()) return &trial;
    return nullptr;
}

/// The first trial that counts, and the incumbent's with the same seed; nulls when there is no such pair.
std::pair<const Trial*, const Trial*> first_pair(const Experiment& candidate, const Experiment& incumbent) {
    for (const Trial& trial : candidate.trials) {
        const Trial* other = trial.counts() ? find_trial(incumbent, trial.seed) : nullptr;
        if (other != nullptr) return {&trial, other};
    }
    return {};
}

}  // namespace

Curve read_curve(const std::filesystem::path& file) {
    Curve curve;
    const std::string text = try_read_file(file).value_or("");
    for (const std::string_view line : split_lines(text)) {
        double share = 0, loss = 0;
        const std::string row(line);  // the header and a torn line have no numbers
        // NOLINTNEXTLINE(bugprone-unchecked-string-to-number-conversion)
        if (std::sscanf(row.c_str(), "%*d,%*f,%lf,%lf,", &share, &loss) != 2) continue;
        curve.share.push_back(share);
        curve.loss.push_back(loss);
    }
    return curve;
}

void EarlyEnd::learn(const Curve& finished, const Curve& incumbent, double difference) {
    for (std::size_t i = 0; i < kCheckpoints.size(); ++i)
        if (const auto distance = behind(finished, incumbent, kCheckpoints[i]))
            lines_[i].add(*distance, difference);
}

std::optional<double> EarlyEnd::sure_to_lose(const Curve& running, const Curve& incumbent,
                                             std::size_t checkpoint, double noise) const {
    const auto distance = behind(running, incumbent, kCheckpoints[checkpoint]);
    const Line& line = lines_[checkpoint];
    if (!distance || line.count() < kEnough) return std::nullopt;
    const double least = line.lower_prediction(*distance, kLostKeeps / kCheckpoints.size());
    return least > noise ? distance : std::nullopt;
}

Hopeless TrialCurves::early_end(const Experiment& incumbent, const TrialRequest& trial,
                                const std::vector<Experiment>& history, const Noise& noise) const {
    if (!early_ || find_trial(incumbent, trial.seed) == nullptr) return {};
    EarlyEnd rule;
    const Experiment* best = nullptr;  // at the time
    for (const Experiment& experiment : history) {
        if (best != nullptr)
            if (const auto [mine, theirs] = first_pair(experiment, *best); mine != nullptr)
                rule.learn(curve_of(experiment, mine->seed), curve_of(*best, mine->seed),
                           mine->val_bpb - theirs->val_bpb);
        if (experiment.verdict.decision == Decision::keep) best = &experiment;
    }
    const auto next = std::make_shared<std::size_t>(0);
    return [=, sd = noise.sd, file = curve_file(trial.directory, trial.seed),
            theirs = curve_of(incumbent, trial.seed)](double share) -> std::optional<std::string> {
        constexpr auto& kPoints = EarlyEnd::kCheckpoints;
        if (share < kPoints[0]) *next = 0;  // a repeat begins
        if (*next == kPoints.size() || share < kPoints[*next]) return std::nullopt;
        const Curve mine = read_curve(file);
        // The event may come before the steps are in the file: the next one asks again.
        if (mine.share.empty() || mine.share.back() < kPoints[*next]) return std::nullopt;
        const double checkpoint = kPoints[*next];
        const auto distance = rule.sure_to_lose(mine, theirs, (*next)++, sd);
        if (!distance) return std::nullopt;
        return fmt::format("sure to lose: training loss {:.4f} behind at {:.0f} % of the budget", *distance,
                           100 * checkpoint);
    };
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

#include "judge/early_end.h"

#include <cmath>

namespace autoresearch {
namespace {

constexpr std::size_t kEnough = 8;   // races before anything is ended
constexpr double kLostKeeps = 0.01;  // of would-be keeps, over all checkpoints
constexpr double kWindow = 0.1;  // of the budget: one step's loss says more of its batch than of the model

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

}  // namespace

std::optional<double> behind(const Curve& candidate, const Curve& incumbent, double share) {
    const auto mine = mean_loss(candidate, share), theirs = mean_loss(incumbent, share);
    if (!mine || !theirs) return std::nullopt;
    return *mine - *theirs;
}

std::optional<Race> race(const Curve& candidate, const Curve& incumbent, double difference) {
    Race result;
    result.difference = difference;
    for (std::size_t i = 0; i < kCheckpoints.size(); ++i) {
        const auto distance = behind(candidate, incumbent, kCheckpoints[i]);
        if (!distance) return std::nullopt;
        result.behind[i] = *distance;
    }
    return result;
}

EarlyEndRule::EarlyEndRule(const std::vector<Race>& finished, double noise)
    : noise_(noise), ready_(finished.size() >= kEnough) {
    for (std::size_t i = 0; i < kCheckpoints.size(); ++i) {
        for (const Race& race : finished) lines_[i].add(race.behind[i], race.difference);
    }
}

bool EarlyEndRule::hopeless(std::size_t checkpoint, double behind) const {
    if (!ready_) return false;
    return lines_[checkpoint].lower_prediction(behind, kLostKeeps / kCheckpoints.size()) > noise_;
}

}  // namespace autoresearch

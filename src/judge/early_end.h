#pragma once

#include <array>
#include <optional>
#include <vector>

#include "judge/statistics.h"

namespace autoresearch {

/// The loss of every step of a trial, with the share of the budget at which it was made.
struct Curve {
    std::vector<double> share, loss;
};

/// Shares of the budget at which a trial may be ended.
inline constexpr std::array kCheckpoints = {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};

/// How far the mean training loss lies behind (positive) the incumbent's in the tenth of the budget up to
/// `share`; nothing when a curve has no steps there.
std::optional<double> behind(const Curve& candidate, const Curve& incumbent, double share);

/// Two finished trials with the same seed: how far one lay behind at each checkpoint, and what came of it.
struct Race {
    std::array<double, kCheckpoints.size()> behind;
    double difference = 0;  // in val_bpb; positive: it lost
};

/// Nothing when a curve has a gap at a checkpoint.
std::optional<Race> race(const Curve& candidate, const Curve& incumbent, double difference);

/// When a running trial is sure to lose, as the finished ones of this run teach: the difference in val_bpb is
/// predicted from how far the trial is behind (a straight line through the finished ones), and what is
/// demanded is that even the end of the prediction interval is worse than the incumbent by the noise. The
/// interval is so wide that all checkpoints together end at most 1 % of those that would not have lost.
class EarlyEndRule {
  public:
    EarlyEndRule(const std::vector<Race>& finished, double noise);

    /// False until enough races are known.
    bool ready() const { return ready_; }
    /// Whether a trial this far behind at a checkpoint is sure to lose.
    bool hopeless(std::size_t checkpoint, double behind) const;

  private:
    std::array<Line, kCheckpoints.size()> lines_;
    double noise_;
    bool ready_;
};

}  // namespace autoresearch

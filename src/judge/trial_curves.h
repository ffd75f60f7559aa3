#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "contract/steps.h"
#include "judge/statistics.h"

namespace autoresearch {

/// The loss of every step of a trial, with the share of the budget at which it was made.
struct Curve {
    std::vector<double> share, loss;
};

/// The steps in a curve_file(), as far as it is written; none when it is not there.
Curve read_curve(const std::filesystem::path& file);

/// When a running trial is sure to lose, as finished ones of this run teach: the difference in val_bpb is
/// predicted from how far the training loss is behind the incumbent's (a straight line from "not behind, not
/// worse" through the finished ones). The trial ends when even the end of the prediction interval is worse by
/// the noise. The interval is so wide that all checkpoints together end at most 1 % of those that would not
/// have lost.
class EarlyEnd {
  public:
    static constexpr std::array kCheckpoints = {0.3, 0.5, 0.7};  // shares of the budget

    /// A finished trial, the incumbent's with the same seed, and the difference in val_bpb (positive: it
    /// lost).
    void learn(const Curve& finished, const Curve& incumbent, double difference);
    /// How far the trial is behind at a checkpoint, when it is sure to lose. Never before eight have
    /// finished.
    std::optional<double> sure_to_lose(const Curve& running, const Curve& incumbent, std::size_t checkpoint,
                                       double noise) const;

  private:
    std::array<Line, kCheckpoints.size()> lines_;
};

class TrialCurves : public Curves {
  public:
    /// `folder` of an experiment's number; `early` ends trials early.
    TrialCurves(std::function<std::filesystem::path(int)> folder, bool early)
        : folder_(std::move(folder)), early_(early) {}
    Hopeless early_end(const Experiment& incumbent, const TrialRequest& trial,
                       const std::vector<Experiment>& history, const Noise& noise) const override;
    EqualSteps at_equal_steps(const Experiment& incumbent, const Experiment& candidate) const override;

  private:
    Curve curve_of(const Experiment& experiment, std::uint64_t seed) const {
        return read_curve(curve_file(folder_(experiment.number), seed));
    }

    std::function<std::filesystem::path(int)> folder_;
    bool early_;
};

}  // namespace autoresearch

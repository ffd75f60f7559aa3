#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "contract/curve.h"
#include "contract/steps.h"
#include "judge/statistics.h"

namespace autoresearch {

/// Learns from a run's finished trials when a running one is sure to lose: predicts the difference in val_bpb
/// from how far the training loss is behind the incumbent's (a straight line from "not behind, not worse"
/// through the finished ones). The trial ends when even the lower end of the prediction interval is worse by
/// the noise. The interval is so wide that all checkpoints together end at most 1 % of those that would not
/// have lost.
class EarlyEnd {
  public:
    static constexpr std::array kCheckpoints = {0.3, 0.5, 0.7};  // shares of the budget

    /// How far a training loss is behind the incumbent's, at each checkpoint; nothing where that is not
    /// known.
    using Distances = std::array<std::optional<double>, kCheckpoints.size()>;
    static Distances distances(const Curve& finished, const Curve& incumbent);

    /// A finished trial's distances from the incumbent's with the same seed, and the difference in val_bpb
    /// (positive: it lost).
    void learn(const Distances& distances, double difference);
    /// The distance behind the incumbent's loss beyond which a trial is sure to lose; infinity before eight
    /// have finished, and where curves do not tell.
    double hopeless_distance(std::size_t checkpoint, double noise) const;
    /// The same, as losses of a trial against this incumbent.
    std::vector<StopThreshold> thresholds(const Curve& incumbent, double noise) const;

  private:
    std::array<Line, kCheckpoints.size()> lines_;
};

class TrialCurves : public Curves {
  public:
    /// `folder` maps an experiment's number to its folder; `early` enables early ends. `lessons` is a file,
    /// derived from the curves, in which what they taught outlives this process; empty: none.
    TrialCurves(std::function<std::filesystem::path(int)> folder, bool early,
                std::filesystem::path lessons = {})
        : folder_(std::move(folder)), early_(early), lessons_(std::move(lessons)) {}
    std::vector<StopThreshold> early_end(const Experiment& incumbent, std::uint64_t seed,
                                         const std::vector<Experiment>& history, const Noise& noise) override;
    EqualSteps at_equal_steps(const Experiment& incumbent, const Experiment& candidate) const override;

  private:
    void learn(const std::vector<Experiment>& history);
    Curve curve_of(const Experiment& experiment, std::uint64_t seed) const {
        return read_curve(curve_file(folder_(experiment.number), seed));
    }

    std::function<std::filesystem::path(int)> folder_;
    bool early_;
    std::filesystem::path lessons_;
    // What the first `learned_` experiments of the run taught, and the best of them.
    EarlyEnd rule_;
    std::size_t learned_ = 0;
    std::optional<std::size_t> best_;
};

}  // namespace autoresearch

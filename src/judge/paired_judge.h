#pragma once

#include "contract/settings.h"
#include "contract/steps.h"

namespace autoresearch {

/// The noise in all repeats of a run: deviations of each code's trials from their mean. Includes the trials
/// of `candidate`, which is not in the ledger yet and may be null.
Noise pooled_noise(const std::vector<Experiment>& history, const Experiment* candidate = nullptr);

/// Compares a candidate with the incumbent on the same seeds, one seed after another, for as long as the
/// answer may still be "better"; or by one trial, as the originals do. docs/judging.md explains the method
/// and its limits.
class PairedJudge : public Judge {
  public:
    /// Uses the verdict settings, and the seed, which is the first trial's.
    explicit PairedJudge(const Settings& config);
    std::variant<MoreTrials, Verdict> judge(const Experiment* incumbent, const Experiment& candidate,
                                            const std::vector<Experiment>& history) const override;
    Noise noise(const std::vector<Experiment>& history) const override { return pooled_noise(history); }

  private:
    struct Comparison;
    std::optional<Verdict> decide(const Experiment& incumbent, const Experiment& candidate,
                                  const Comparison& result) const;

    Settings config_;
    double bound_;  // of the sequential test
};

}  // namespace autoresearch

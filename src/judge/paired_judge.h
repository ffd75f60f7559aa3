#pragma once

#include "contract/steps.h"

namespace autoresearch {

/// The noise in all repeats of a run: deviations of each code's trials from their mean. The trials of
/// `candidate`, which is not in the ledger yet, count too; it may be null.
Noise pooled_noise(const std::vector<Experiment>& history, const Experiment* candidate = nullptr);

struct PairedJudgeOptions {
    std::uint64_t seed = 1;      // the first; more seeds count up from it
    int baseline_seeds = 3;      // trials of the baseline, which give the first idea of the noise
    int max_seeds = 4;           // trials of a candidate at most
    double confidence = 0.95;    // one minus the chance that a change without effect is kept
    double memory_factor = 1.5;  // more memory than this times the incumbent's needs a larger gain
    bool one_trial = false;      // the originals' rule instead: one trial, and lower is kept
};

/// Compares a candidate with the incumbent on the same seeds, one seed after the other, for as long as the
/// answer may still be "better". docs/judging.md explains the method and its limits.
class PairedJudge : public Judge {
  public:
    explicit PairedJudge(const PairedJudgeOptions& options);
    std::variant<MoreTrials, Verdict> judge(const Experiment* incumbent, const Experiment& candidate,
                                            const std::vector<Experiment>& history) const override;
    Noise noise(const std::vector<Experiment>& history) const override;

  private:
    struct Comparison;
    std::variant<MoreTrials, Verdict> judge_baseline(const Experiment& candidate) const;
    std::optional<Verdict> decide(const Experiment& incumbent, const Experiment& candidate,
                                  const Comparison& result) const;

    PairedJudgeOptions options_;
    double bound_;  // of the sequential test
};

}  // namespace autoresearch

#pragma once

#include "contract/steps.h"

namespace autoresearch {

/// The originals' rule: one trial, always with the same seed; keep when val_bpb is lower than the
/// incumbent's.
class PlainJudge : public Judge {
  public:
    explicit PlainJudge(std::uint64_t seed) : seed_(seed) {}
    std::variant<MoreTrials, Verdict> judge(const Experiment* incumbent, const Experiment& candidate,
                                            const std::vector<Experiment>& history) const override;
    Noise noise(const std::vector<Experiment>& /*history*/) const override { return {}; }

  private:
    std::uint64_t seed_;
};

}  // namespace autoresearch

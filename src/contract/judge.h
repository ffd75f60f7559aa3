#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "contract/experiment.h"

namespace autoresearch {

/// The judge cannot tell yet: run the candidate once more, or the incumbent, with this seed.
struct MoreTrials {
    std::uint64_t seed = 0;
    bool of_incumbent = false;
};

/// Decides from numbers alone: no I/O, no clock. `incumbent` is null for the baseline.
/// Called with a candidate without trials first, to learn the first seed, then after every trial.
class Judge {
  public:
    virtual ~Judge() = default;
    virtual std::variant<MoreTrials, Verdict> judge(const Experiment* incumbent, const Experiment& candidate,
                                                    const std::vector<Experiment>& history) const = 0;
};

}  // namespace autoresearch

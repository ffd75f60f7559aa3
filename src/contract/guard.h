#pragma once

#include <optional>

#include "contract/experiment.h"

namespace autoresearch {

/// Looks at a proposal before anything of it is compiled. Returns why it is refused, or nothing.
class Guard {
  public:
    virtual ~Guard() = default;
    virtual std::optional<Failure> review(const Proposal& proposal,
                                          const std::vector<Experiment>& history) = 0;
};

}  // namespace autoresearch

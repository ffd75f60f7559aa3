#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "contract/experiment.h"

namespace autoresearch {

/// The truth about a run, on disk. What append() returned from survives a kill -9 and a power cut.
class Ledger {
  public:
    virtual ~Ledger() = default;
    /// Oldest first; numbers are 0, 1, 2, ... without a gap.
    virtual const std::vector<Experiment>& experiments() const = 0;
    virtual void append(const Experiment& experiment) = 0;

    /// experiments/NNNN of the run directory; created on demand.
    virtual std::filesystem::path directory(int number) = 0;
    /// A proposal is saved before it is tried, so that an interruption does not lose the agent's work.
    virtual void save_proposal(const Proposal& proposal) = 0;
    virtual std::optional<Proposal> saved_proposal(int number) = 0;
};

}  // namespace autoresearch

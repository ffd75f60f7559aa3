#pragma once

#include <filesystem>
#include <vector>

#include "contract/experiment.h"

namespace autoresearch {

/// What a proposer may know. The references live as long as the call.
struct ProposalRequest {
    int experiment;                          // the number the proposal will carry
    const Experiment& incumbent;             // best kept so far; its commit is the proposal's parent
    const std::string& source;               // the incumbent's train.cpp
    const std::vector<Experiment>& history;  // all earlier experiments, oldest first
    std::filesystem::path directory;         // experiments/NNNN: prompt.md and agent.log go here
};

/// Proposes the next edit. Blocks until the agent is done; a failure is Ending::no_proposal or interrupted.
class Proposer {
  public:
    virtual ~Proposer() = default;
    virtual Result<Proposal> propose(const ProposalRequest& request) = 0;
};

}  // namespace autoresearch

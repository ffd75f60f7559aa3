#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "contract/outside.h"
#include "contract/steps.h"
#include "proc/subprocess.h"
#include "propose/agents.h"
#include "propose/desk.h"

namespace autoresearch {

struct AgentProposerOptions {
    DeskOptions desk;
    AgentAdapter agent;
    std::string model;  // empty: the agent's own default
    std::string device = "cpu";
    double budget = 0;                  // training seconds, for the prompt
    double memory_gb = 0;               // of the device, for the prompt; 0: not known
    std::filesystem::path self;         // the running autoresearch program: {self}
    double limit = 600;                 // seconds for the agent
    double kill_grace = 5;              // seconds between SIGTERM and SIGKILL
    std::int64_t log_limit = 16 << 20;  // bytes of agent.log
};

/// Starts a coding agent at a fresh desk, waits, and takes train.cpp and idea.txt back. A proposal is the
/// changed source, whatever the agent says about it; a failure's reason names what went wrong: not started,
/// time limit, usage limit, login, exit code, deleted, unchanged. prompt.md and agent.log stay in the
/// request's directory.
class AgentProposer : public Proposer {
  public:
    /// Throws UserError when the agent needs a model and none was named, or its command has an unknown field.
    AgentProposer(AgentProposerOptions options, const StopRequest& stop);
    Result<Proposal> propose(const ProposalRequest& request) override;

  private:
    ProcessSpec specification(const ProposalRequest& request, const Desk& desk,
                              const std::string& prompt) const;

    AgentProposerOptions options_;
    const StopRequest& stop_;
};

}  // namespace autoresearch

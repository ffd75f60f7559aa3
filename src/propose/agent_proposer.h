#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "contract/outside.h"
#include "contract/steps.h"
#include "proc/subprocess.h"
#include "propose/agent_output.h"
#include "propose/agent_walls.h"
#include "propose/agents.h"
#include "propose/desk.h"

namespace autoresearch {

struct AgentProposerOptions {
    DeskOptions desk;
    AgentAdapter agent;
    Settings settings;           // settled: the model, limits and prices
    std::string budget;          // of a trial with its unit, for the prompt
    double memory_gb = 0;        // of the device, for the prompt; 0: not known
    std::filesystem::path self;  // the running autoresearch program: {self}
    AgentWalls walls = {};
    double kill_grace = 5;  // seconds between SIGTERM and SIGKILL
};

/// Starts a coding agent at a desk, waits, and takes train.cpp and idea.txt back. A proposal is the changed
/// source, whatever the agent says about it. Without a usable one, an agent that failed has an outage: exit
/// code not 0, an error in its own output, or silence until its limit. Why is never read from its words; the
/// failure's reason has them for a person. A second call for the same experiment finds the desk as the first
/// left it, and resumes the conversation if the agent can; after an outage both begin anew. prompt.md,
/// agent.log and agent.err of all calls stay in the request's directory. Secrets (util/secrets.h) are in
/// nothing that is told, kept or given back.
class AgentProposer : public Proposer {
  public:
    /// Throws UserError if the agent needs a model and none was named, or its command has an unknown field.
    AgentProposer(AgentProposerOptions options, const StopRequest& stop);
    Answer propose(const ProposalRequest& request) override;

  private:
    struct Call;

    std::string lay_out_desk(const ProposalRequest& request);
    Call run_agent(const ProposalRequest& request);
    Fields fields(int experiment, const std::string& prompt) const;
    ProcessSpec specification(const ProposalRequest& request, const std::string& prompt) const;
    AgentReport report(const Call& call);
    std::string reason(const Call& call, const std::string& none) const;
    Remedy remedy(const Call& call) const;

    AgentProposerOptions options_;
    const StopRequest& stop_;
    const Secrets secrets_;
    Secrets::Names removed_;  // during this call
    std::unique_ptr<Desk> desk_;
    int experiment_ = -1;      // which one may go on at this desk
    AgentOutput last_output_;  // of the conversation that the next call at this desk resumes
};

}  // namespace autoresearch

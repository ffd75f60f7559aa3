#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "contract/outside.h"
#include "contract/steps.h"
#include "proc/subprocess.h"
#include "propose/agent_output.h"
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
    double kill_grace = 5;       // seconds between SIGTERM and SIGKILL
};

/// Starts a coding agent at a desk, waits, and takes train.cpp and idea.txt back. A proposal is the changed
/// source, whatever the agent says about it; a failure's reason names what went wrong: not started, time
/// limit, usage limit, login, busy server, exit code, a question, deleted, unchanged. A second call for the
/// same experiment finds the desk as the first left it, and resumes the conversation if the agent can.
/// prompt.md and agent.log of all calls stay in the request's directory.
class AgentProposer : public Proposer {
  public:
    /// Throws UserError if the agent needs a model and none was named, or its command has an unknown field.
    AgentProposer(AgentProposerOptions options, const StopRequest& stop);
    Answer propose(const ProposalRequest& request) override;

  private:
    std::string lay_out_desk(const ProposalRequest& request);
    Fields fields(int experiment, const std::string& prompt) const;
    ProcessSpec specification(const ProposalRequest& request, const std::string& prompt) const;
    AgentReport report(const AgentOutput& output, double seconds);

    AgentProposerOptions options_;
    const StopRequest& stop_;
    std::unique_ptr<Desk> desk_;
    int experiment_ = -1;      // whose desk this is
    AgentOutput last_output_;  // of the conversation that the next call at this desk resumes
};

}  // namespace autoresearch

#pragma once

#include <filesystem>
#include <string>

#include "propose/agent_proposer.h"

namespace autoresearch {

/// One real call of an agent, outside any run: the real prompt, asked for a trivial edit of this source, at a
/// real desk in this folder. prompt.md, agent.log and agent.err stay there.
Answer make_test_call(AgentProposerOptions options, const std::string& source,
                      const std::filesystem::path& folder, const StopRequest& stop);

}  // namespace autoresearch

#pragma once

#include <string>
#include <vector>

#include "propose/agents.h"
#include "settings/resolve.h"

namespace autoresearch {

/// What must hold on this machine before a run. `look` says in one line what it found; an exception says why
/// this machine is not ready.
struct Check {
    const char* name;
    std::string (*look)(const FlagValues& flags);
};
const std::vector<Check>& checks_of_this_machine();

/// All that the settings offer. Asks none that only a stranger's repository names whether it is there: that
/// starts it.
std::vector<AgentAdapter> all_agents(const ResolvedSettings& config);

/// The one that the settings name, or a run would use. Throws UserError if it is not installed.
AgentAdapter wanted_agent(const std::vector<AgentAdapter>& agents, const ResolvedSettings& config);

}  // namespace autoresearch

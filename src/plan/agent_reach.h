#pragma once

#include "propose/agent_walls.h"
#include "trial/kit.h"
#include "vcs/git_repo.h"

namespace autoresearch {

/// What this agent may reach, with settled settings: not the repository, nor what was kept of runs and data,
/// but for what `./check` needs of the kit, our own program, and the agent's.
AgentWalls agent_walls(const Kit& kit, const GitRepo& git, const Settings& settled,
                       const AgentAdapter& agent);

}  // namespace autoresearch

#pragma once

#include "propose/agent_walls.h"
#include "trial/kit.h"
#include "vcs/git_repo.h"

namespace autoresearch {

/// What no foreign code is to see: working trees of the repository (none: nothing of it), runs, data, the
/// corpus of these settings.
std::vector<std::filesystem::path> private_places(const GitRepo* git, const Settings& settled);

/// What this agent may reach, with settled settings: not the repository, nor what was kept of runs and data,
/// but for what `./check` needs of the kit, our own program, and the agent's.
AgentWalls agent_walls(const Kit& kit, const GitRepo& git, const Settings& settled,
                       const AgentAdapter& agent);

}  // namespace autoresearch

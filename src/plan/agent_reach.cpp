#include "plan/agent_reach.h"

#include <algorithm>

#include "proc/platform.h"
#include "settings/places.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// The folder that a program was installed to, as far as that does not show what is hidden.
fs::path with_its_files(const fs::path& program, const std::vector<fs::path>& hidden) {
    const auto holds_hidden = [&](const fs::path& folder) {
        return std::any_of(hidden.begin(), hidden.end(), [&](const fs::path& each) {
            return std::mismatch(folder.begin(), folder.end(), each.begin(), each.end()).first ==
                   folder.end();
        });
    };
    for (const fs::path& folder : {program.parent_path().parent_path(), program.parent_path()})
        if (!holds_hidden(folder)) return folder;
    return program;
}

}  // namespace

AgentWalls agent_walls(const Kit& kit, const GitRepo& git, const Settings& settled,
                       const AgentAdapter& agent) {
    AgentWalls walls{settled.box,
                     {git.workdir(), git.common_directory(), cache_root(), data_root(), kit.torch},
                     {kit.directory, kit.torch / "lib", kit.torch / "include", platform::self()},
                     {}};
    if (fs::path(settled.corpus).is_absolute()) walls.hidden.emplace_back(settled.corpus);
    std::error_code gone;
    if (const auto program = find_program(agent.program))
        walls.shown.push_back(with_its_files(fs::canonical(*program, gone), walls.hidden));
    for (const std::string& folder : split_list(settled.agent_write))
        walls.writes.push_back(fs::absolute(folder));
    return walls;
}

}  // namespace autoresearch

#include "plan/agent_reach.h"

#include <algorithm>

#include "prepare/corpus/local_files.h"
#include "proc/platform.h"
#include "settings/places.h"
#include "util/home.h"
#include "util/text.h"
#include "util/tree.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// The folder that a program was installed to, as far as that does not show what is hidden.
fs::path with_its_files(const fs::path& program, const std::vector<fs::path>& hidden) {
    const auto holds_hidden = [&](const fs::path& folder) {
        return std::any_of(hidden.begin(), hidden.end(),
                           [&](const fs::path& each) { return is_within(each, folder); });
    };
    for (const fs::path& folder : {program.parent_path().parent_path(), program.parent_path()})
        if (!holds_hidden(folder)) return folder;
    return program;
}

}  // namespace

std::vector<fs::path> private_places(const GitRepo* git, const Settings& settled) {
    std::vector<fs::path> places = {cache_root(), data_root()};
    if (git != nullptr) {
        places.push_back(git->common_directory());
        for (const fs::path& tree : git->worktrees()) places.push_back(tree);
    }
    for (const std::string& path : paths_of(settled.corpus)) {
        fs::path above =
            path.substr(0, path.find_first_of("*?[{"));  // of a pattern, the folder that it begins in
        if (above != fs::path(path)) above = above.parent_path();
        if (above.is_absolute() && above != above.root_path()) places.push_back(above);
    }
    // By their real names, so that none is shown by another.
    for (fs::path& place : places) place = real_path(place);
    return places;
}

AgentWalls agent_walls(const Kit& kit, const GitRepo& git, const Settings& settled,
                       const AgentAdapter& agent) {
    AgentWalls walls{settled.box,
                     private_places(&git, settled),
                     {kit.directory, kit.torch / "lib", kit.torch / "include", platform::self()},
                     {}};
    walls.hidden.push_back(kit.torch);
    std::error_code gone;
    if (const auto program = find_program(agent.program))
        walls.shown.push_back(with_its_files(fs::canonical(*program, gone), walls.hidden));
    for (const std::string& folder : split_list(settled.agent_write))
        walls.writes.push_back(fs::absolute(expand_home(folder)));
    return walls;
}

}  // namespace autoresearch

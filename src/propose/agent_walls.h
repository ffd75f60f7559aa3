#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <vector>

#include "contract/settings.h"
#include "proc/subprocess.h"
#include "propose/agents.h"

namespace autoresearch {

/// The walls around a coding agent. It reads the disk, but for what it will be judged by; it has the network;
/// and it writes to its desk, to a /tmp of its own, and to what its entry in agents.json calls its state.
struct AgentWalls {
    BoxKind kind = BoxKind::none;
    std::vector<std::filesystem::path> hidden;  // the repository, runs, data, the corpus
    std::vector<std::filesystem::path> shown;   // within these: what ./check needs, and our own program
    std::vector<std::filesystem::path> writes;  // the user's --agent-write
};

/// A home folder that stands in for the real one while an agent runs behind bubblewrap, where it may replace
/// a file of its state by rename, which it could not do with a file that is mounted. It holds other names of
/// these files, so that what is written to one is written to the real one, and everything else of the home
/// can be read in its place.
class Home {
  public:
    /// Adds it to the box where the entry names files. `stand_in` is a folder of ours.
    Home(std::filesystem::path stand_in, const AgentAdapter& agent, Box& box);
    /// Takes a file that was replaced to its real place, unless that one has changed, too.
    ~Home();
    Home(const Home&) = delete;
    Home& operator=(const Home&) = delete;

  private:
    struct Lent {
        std::filesystem::path real, here;
        struct stat real_then{}, here_then{};
    };
    void lend(const std::filesystem::path& home, Box& box);

    std::filesystem::path stand_in_;
    std::vector<Lent> files_;
};

/// Puts the agent's process behind these walls: box, environment and command. `desk` is its working folder,
/// `temporary` an empty one of ours, and `more_keys` names of variables that it may see, besides those of its
/// entry.
void box_agent(const AgentWalls& walls, const AgentAdapter& agent, const std::filesystem::path& desk,
               const std::filesystem::path& temporary, const std::string& more_keys, ProcessSpec& process);

}  // namespace autoresearch

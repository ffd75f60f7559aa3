#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "contract/result.h"
#include "util/secrets.h"

namespace autoresearch {

struct DeskOptions {
    std::filesystem::path
        parent;  // desks are made here, unless it is in a git work tree: then in the temporary folder
    std::filesystem::path program;      // program.md
    std::filesystem::path kit;          // holds include/autoresearch/, prepare/ and build-trainer
    std::filesystem::path experiments;  // experiments/ of the run; may not exist yet
};

/// What came back from a desk.
struct DeskResult {
    std::string source;
    std::string idea;                  // one line
    std::vector<std::string> ignored;  // everything else that was changed, made or deleted; paths in the desk
};

/// A private folder with all that an agent needs and nothing it could break, at the same path for a whole run
/// and gone when this object is. Desks that killed runs left behind are removed when the next one is made.
class Desk {
  public:
    /// Throws UserError when the folder can only be made inside a git work tree.
    explicit Desk(DeskOptions options);
    ~Desk();
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    const std::filesystem::path& path() const { return path_; }

    /// Puts everything in its place, whatever was there before, these files (by path in the desk), and in
    /// experiments/ exactly those with these numbers. They are copies, so an agent may write in them: what it
    /// touched is copied again, the others only once. train.cpp is `source`; where the agent is to `go_on`,
    /// its train.cpp and idea.txt stay, if they can be read. Changes in .agent/ do not count: that is for the
    /// harness and the agent's adapter. Throws std::system_error when a part is missing.
    void lay_out(const std::string& source, std::map<std::string, std::string> files,
                 const std::vector<int>& experiments, bool go_on);

    /// After the agent and all its processes are gone: takes back train/train.cpp and idea.txt, and nothing
    /// else. Ending::no_proposal when train.cpp is missing, no plain file, far too large, as `before`, or has
    /// a secret that was not in there. In the rest secrets are replaced; `removed` gets their names.
    Result<DeskResult> collect(const std::string& before, const Secrets& secrets,
                               Secrets::Names& removed) const;

  private:
    bool has_experiments() const;
    void clear(const std::set<std::string>& shown);
    std::vector<std::string> changed_files() const;

    const DeskOptions options_;
    std::filesystem::path path_;
    std::map<std::string, std::uint64_t> laid_out_;  // a stamp of every file and folder, by path in the desk
};

}  // namespace autoresearch

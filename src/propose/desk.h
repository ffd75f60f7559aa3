#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "contract/result.h"

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

/// A private folder with all that an agent needs and nothing it could break, gone when this object is.
/// Desks that a killed run left behind are removed when the next one is made.
class Desk {
  public:
    /// Throws UserError when the folder can only be made inside a git work tree,
    /// std::filesystem::filesystem_error when a part is missing.
    explicit Desk(const DeskOptions& options);
    ~Desk();
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    const std::filesystem::path& path() const { return path_; }
    /// For files of the harness and of the agent's adapter; never reported as changed.
    std::filesystem::path scratch() const { return path_ / ".agent"; }

    /// Writes a file below the desk. Before seal() only.
    void add(const std::filesystem::path& relative, const std::string& text);
    /// Puts the source in its place and remembers every file as it is now.
    void seal(const std::string& source);
    /// For another call: clears scratch(), and puts `source` in the place of a train.cpp that cannot be read.
    void mend(const std::string& source);

    /// After the agent and all its processes are gone: takes back train/train.cpp and idea.txt, and nothing
    /// else. Ending::no_proposal when train.cpp is missing, no plain file, far too large, or as `before`.
    Result<DeskResult> collect(const std::string& before) const;

  private:
    void fill(const DeskOptions& options);
    Result<std::string> read_source() const;
    std::vector<std::string> changed_files() const;

    std::filesystem::path path_;
    std::map<std::string, std::uint64_t> sealed_;  // hash of every file, by path in the desk
};

}  // namespace autoresearch

#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "settings/resolve.h"

namespace autoresearch {

/// What run.json says: everything a run was started with and keeps.
struct RunInfo {
    std::string created;       // UTC
    std::string version;       // of this program
    std::string start_commit;  // parent of the baseline
    bool from_working_tree = false;
    std::string data;    // fingerprint of the data set
    std::string kit;     // hash of the fixed half
    std::string torch;   // version
    std::string device;  // cpu, mps, cuda: what "auto" came to
    std::string known;   // of it (TrialSpec::known); empty: an older run
    std::map<std::string, std::string> kit_files, data_files;  // their digests by name; likewise
    std::map<std::string, std::string> machine;  // cpu, gpu, cores, memory, system, compiler: where it began
    ResolvedSettings config;
    std::filesystem::path directory;  // .autoresearch/<tag>; not written

    const std::string& tag() const { return config.values.tag; }
};

/// Writes run.json atomically.
void save_run(const RunInfo& run);
/// A new folder of this name and the time in .autoresearch/by-hand/, where the newest ten stay.
std::filesystem::path by_hand_directory(const std::filesystem::path& repository, const std::string& name);

/// The tags of all runs of a repository.
std::vector<std::string> run_tags(const std::filesystem::path& repository);

/// The tag of the run that was active last (its log is newest), with the seconds since then.
struct LastRun {
    std::string tag;
    double seconds_ago = 0;
};
std::optional<LastRun> last_run(const std::filesystem::path& repository);

/// The run with this tag, or the last one when the tag is empty. UserError when there is none, or its
/// run.json is damaged.
RunInfo require_run(const std::filesystem::path& repository, std::string tag);

}  // namespace autoresearch

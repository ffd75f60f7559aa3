#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace autoresearch {

/// The variable in the environment of everything that we start: which tree it belongs to.
inline constexpr const char* kTreeVariable = "_AUTORESEARCH_TREE";

/// A value for it that no other tree has, also no other program's.
std::string new_tree_mark();

/// From now on, what we start belongs to the run of this directory. Ends what an earlier program left of that
/// run when it was killed; call it with the run's lock held. Returns how many processes that were.
int take_over_processes(const std::filesystem::path& run_directory);

/// A child of ours and everything it started, also what changed its group or session, or forked twice:
/// orphans are found as our own children or by their environment. On a system that does neither give us
/// orphans nor show environments, a process that hides from both lives on.
class ProcessTree {
  public:
    struct End {
        int status = 0;  // of the root, as wait() gives it
        double cpu_seconds = 0;
        double peak_memory_mb = 0;  // of the largest process
    };

    ProcessTree(pid_t root, std::string mark);
    ~ProcessTree();  // ends it
    ProcessTree(const ProcessTree&) = delete;
    ProcessTree& operator=(const ProcessTree&) = delete;

    /// Has the root ended? It stays unreaped, so that its number is not given to another process.
    bool root_has_ended() const;
    /// SIGTERM to all, or all but the root.
    void ask_to_end(bool root_too) const;
    /// GB that end with it; `exact` as in platform::held_bytes.
    double held_gb(bool exact) const;
    void measure_waits(std::map<pid_t, double>& waits) const;
    /// Kills all of it and returns when nobody is left, or after two seconds of trying.
    const End& end();

  private:
    std::vector<pid_t> members() const;
    bool is_our_orphan(pid_t child) const;
    void reap(pid_t pid);

    const pid_t root_;
    const std::string mark_;
    bool ended_ = false, reaped_ = false;
    End end_;
};

/// Keeps the machine from falling asleep as long as the result lives, and this program does; null where the
/// system has no means or does not let us. `note`: which of the two, in one line for a person.
std::unique_ptr<ProcessTree> keep_awake(std::string& note);

}  // namespace autoresearch

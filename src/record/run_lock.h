#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "util/fd.h"

namespace autoresearch {

/// A process that runs a run.
struct LockHolder {
    pid_t pid = 0;
    std::string host;
    bool is_elsewhere() const;  // on another host than ours
    bool is_paused() const;     // stopped, such as by Ctrl-Z
};

/// One process per repository and tag: holds the file `lock` of the run directory, which is made if need be.
/// The kernel lets go of it when the process ends, however it ends. The file also names process and host, for
/// shared mounts whose locks keep nobody out. UserError "run X is already running (pid N)" when another
/// process holds it.
class RunLock {
  public:
    explicit RunLock(const std::filesystem::path& run_directory);
    ~RunLock();
    RunLock(const RunLock&) = delete;
    RunLock& operator=(const RunLock&) = delete;

  private:
    std::filesystem::path file_;
    Fd fd_;
};

/// The process that holds the lock of this run; nothing when nobody does.
std::optional<LockHolder> lock_holder(const std::filesystem::path& run_directory);

}  // namespace autoresearch

#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "util/fd.h"

namespace autoresearch {

/// One run per repository and tag: holds the file `lock` of the run directory while it lives. The kernel lets
/// go of it when the process ends, however it ends, so no stale lock is ever left.
class RunLock {
  public:
    /// Makes the directory. UserError "run X is already running (pid N)" when another process holds it.
    explicit RunLock(const std::filesystem::path& run_directory);

    /// The process that holds the lock of this run, 0 when it cannot be told; nothing when nobody does.
    static std::optional<pid_t> holder(const std::filesystem::path& run_directory);

  private:
    Fd fd_;
};

}  // namespace autoresearch

#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "util/fd.h"

namespace autoresearch {

/// One run per repository and tag: takes the file `lock` of the run directory, which is made if need be. The
/// kernel lets go of it when the process ends, however it ends, so no stale lock is ever left. UserError "run
/// X is already running (pid N)" when another process holds it.
Fd lock_run(const std::filesystem::path& run_directory);

/// The process that holds the lock of this run; nothing when nobody does.
std::optional<pid_t> lock_holder(const std::filesystem::path& run_directory);

}  // namespace autoresearch

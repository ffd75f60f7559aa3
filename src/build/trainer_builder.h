#pragma once

#include <filesystem>
#include <string>

#include "contract/outside.h"
#include "contract/steps.h"

namespace autoresearch {

struct TrainerBuilderOptions {
    std::filesystem::path kit;  // holds build-trainer, the headers and the library that a trainer links
    double limit = 600;         // seconds for compiler and linker together
    double kill_grace = 2;      // seconds between SIGTERM and SIGKILL
    double memory_limit = 0;    // GB for all its processes; 0: no limit
};

/// Runs `<kit>/build-trainer SOURCE PROGRAM`. Throws UserError when that script cannot be started.
class TrainerBuilder : public Builder {
  public:
    TrainerBuilder(TrainerBuilderOptions options, const StopRequest& stop);
    Result<std::filesystem::path> build(const std::string& source,
                                        const std::filesystem::path& directory) override;

  private:
    TrainerBuilderOptions options_;
    const StopRequest& stop_;
};

/// The line of a compiler's output that says best what is wrong: the first error, the first undefined symbol,
/// or the last line; without the path of `directory`. Empty for an empty log.
std::string build_failure_reason(const std::string& log, const std::filesystem::path& directory);

}  // namespace autoresearch

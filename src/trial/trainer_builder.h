#pragma once

#include <filesystem>
#include <string>

#include "contract/outside.h"
#include "contract/steps.h"
#include "trial/walls.h"

namespace autoresearch {

/// Runs `<kit>/build-trainer SOURCE PROGRAM` behind walls, in a folder of its own, and takes the program from
/// there. Throws UserError when that script cannot be started.
class TrainerBuilder : public Builder {
  public:
    /// `kit` has build-trainer, the headers and the library that a trainer links; `limit`: seconds for
    /// compiler and linker together; `memory_limit`: GB for all their processes, 0: no limit.
    TrainerBuilder(std::filesystem::path kit, double limit, double memory_limit, const StopRequest& stop,
                   Walls walls = {});
    Result<std::filesystem::path> build(const std::string& source,
                                        const std::filesystem::path& directory) override;

  private:
    const std::filesystem::path kit_;
    const double limit_, memory_limit_;
    const StopRequest& stop_;
    const Walls walls_;
};

/// The line of a compiler's output that best says what is wrong: the first error, the first undefined symbol,
/// or the last line; without the path of `directory`. Empty for an empty log.
std::string build_failure_reason(const std::string& log, const std::filesystem::path& directory);

}  // namespace autoresearch

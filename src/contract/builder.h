#pragma once

#include <filesystem>
#include <string>

#include "contract/result.h"

namespace autoresearch {

/// Compiles and links one train.cpp against the frozen prepare library.
/// Writes train.cpp, build.log and the program into `directory`; returns the program's path.
/// A failure (build_failed, timed_out, interrupted) has the first error line as its reason.
class Builder {
  public:
    virtual ~Builder() = default;
    virtual Result<std::filesystem::path> build(const std::string& source,
                                                const std::filesystem::path& directory) = 0;
};

}  // namespace autoresearch

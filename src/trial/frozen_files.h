#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "contract/steps.h"

namespace autoresearch {

/// A file that makes or runs trials, and must stay as it is.
struct FrozenFile {
    std::filesystem::path path;
    std::string digest;  // of its content (util/file_digest.h)
    std::string mend;    // what a person does when it has changed
};
using FrozenFiles = std::vector<FrozenFile>;

/// Throws UserError that names the first file with another content. One that cannot be read is left to the
/// trial: its disk may come back.
void require_unchanged(const FrozenFiles& files);

/// Builds only with unchanged files, and believes no result of changed ones: UserError.
class FrozenBuilder final : public Builder {
  public:
    /// The references must outlive it.
    FrozenBuilder(Builder& builder, const FrozenFiles& files) : builder_(builder), files_(files) {}
    Result<std::filesystem::path> build(const std::string& source,
                                        const std::filesystem::path& directory) override;

  private:
    Builder& builder_;
    const FrozenFiles& files_;
};

/// Likewise for trials.
class FrozenRunner final : public Runner {
  public:
    FrozenRunner(Runner& runner, const FrozenFiles& files) : runner_(runner), files_(files) {}
    Trial run(const TrialRequest& request) override;

  private:
    Runner& runner_;
    const FrozenFiles& files_;
};

}  // namespace autoresearch

#pragma once

#include <filesystem>
#include <optional>

#include "prepare/data/files.h"

namespace autoresearch {

/// A private folder below the data root in which one data set is made. Whatever kills this process, the
/// folder is never mistaken for a data set, and the next Workshop in the same root removes it. Several may
/// work at once.
class Workshop {
  public:
    /// Makes the root if need be. Throws UserError when that fails.
    explicit Workshop(const std::filesystem::path& data_root);
    /// Removes the folder unless it was published.
    ~Workshop();
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;

    const std::filesystem::path& path() const { return path_; }
    /// Renames the folder to `name` below the root; what stands there is replaced.
    void publish(const std::string& name);

  private:
    std::filesystem::path root_, path_;
    std::optional<FileLock> alive_;  // held as long as this process works in path_
};

}  // namespace autoresearch

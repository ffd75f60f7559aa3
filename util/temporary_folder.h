#pragma once

#include <ctime>
#include <filesystem>
#include <string>

#include "util/fd.h"

namespace autoresearch {

/// A new private folder in the system's place for temporary files, removed at the end with all in it. What a
/// killed program left there is removed when the next one makes its first.
class TemporaryFolder {
  public:
    /// Throws std::filesystem::filesystem_error or std::system_error when there is no room for one.
    explicit TemporaryFolder(const std::string& name);
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::filesystem::path path() const { return path_; }

  private:
    std::string path_;
    Fd lock_;  // held while its maker lives
};

/// Removes those in `parent` whose makers are dead, but for those made less than `young` seconds ago, whose
/// makers may not have locked them yet.
void sweep_temporary_folders(const std::filesystem::path& parent, std::time_t young = 60);

}  // namespace autoresearch

#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "util/tree.h"

namespace autoresearch {

/// A new private folder in the system's place for temporary files, removed at the end with all in it.
class TemporaryFolder {
  public:
    /// Throws std::filesystem::filesystem_error or std::system_error when there is no room for one.
    explicit TemporaryFolder(const std::string& name)
        : path_((std::filesystem::canonical(std::filesystem::temp_directory_path()) /
                 ("autoresearch-" + name + "-XXXXXX"))
                    .string()) {
        if (::mkdtemp(path_.data()) == nullptr)
            throw std::system_error(errno, std::generic_category(), "cannot make the folder " + path_);
    }
    ~TemporaryFolder() { remove_tree(path_); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::filesystem::path path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace autoresearch

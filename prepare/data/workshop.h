#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "util/fd.h"

namespace autoresearch {

/// An exclusive lock on a file, which is made if need be. While another process holds it, calls waiting() ten
/// times a second; an exception from it ends the wait. The kernel lets go of the lock when the process ends,
/// however it ends. Throws std::system_error.
Fd wait_for_lock(const std::filesystem::path& file, const std::function<void()>& waiting);

/// The one folder below the data root in which a data set is made, by one process at a time. Whatever kills
/// this process, the folder is never mistaken for a data set, and the next Workshop empties it.
class Workshop {
  public:
    /// Makes the root if need be, and waits while another process works there. Throws std::system_error.
    Workshop(const std::filesystem::path& data_root, const std::function<void()>& waiting);
    /// Removes the folder unless it was published.
    ~Workshop();
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;

    const std::filesystem::path& path() const { return path_; }
    /// Renames the folder to `name` below the root; what stands there is replaced.
    void publish(const std::string& name);

  private:
    const std::filesystem::path root_, path_;
    const Fd lock_;
};

}  // namespace autoresearch

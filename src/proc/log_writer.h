#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "util/fd.h"

namespace autoresearch {

/// Appends to a log that may not grow without end: stores the first `limit` bytes, and at finish() a line
/// that says how much was left out and the last 64 KiB. A full disk loses the log, not the run.
class LogWriter {
  public:
    /// An empty path drops everything. Throws std::system_error when the file cannot be opened.
    LogWriter(const std::filesystem::path& path, std::size_t limit);

    void write(std::string_view text);
    void finish();

  private:
    void store(std::string_view text);

    Fd fd_;
    std::size_t room_;
    std::string tail_;          // the newest of what did not fit
    std::size_t left_out_ = 0;  // bytes dropped before tail_
};

}  // namespace autoresearch

#pragma once

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "util/atomic_file.h"

namespace autoresearch {

/// Appends to a log that may not grow without end: stores the first `limit` bytes and, in the destructor, a
/// line that says how much was left out and the last 64 KiB. A full disk loses the log, not the run.
class LogWriter {
  public:
    /// An empty path drops everything. Throws std::system_error when the file cannot be opened.
    LogWriter(const std::filesystem::path& path, std::size_t limit) : room_(limit) {
        if (!path.empty()) fd_ = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
    }
    ~LogWriter() {
        if (left_out_ > 0) store("\n[" + std::to_string(left_out_) + " bytes left out]\n");
        store(tail_);
    }
    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;

    void write(std::string_view text) {
        constexpr std::size_t kTail = 64 << 10;
        const std::size_t fits = std::min(text.size(), room_);
        store(text.substr(0, fits));
        room_ -= fits;
        tail_ += text.substr(fits);
        if (tail_.size() > 2 * kTail) {
            left_out_ += tail_.size() - kTail;
            tail_.erase(0, tail_.size() - kTail);
        }
    }

  private:
    void store(std::string_view text) try {
        if (fd_) write_all(fd_.get(), text, "a log");
    } catch (const std::system_error&) {
        fd_.reset();
    }

    Fd fd_;
    std::size_t room_;
    std::string tail_;          // the newest of what did not fit
    std::size_t left_out_ = 0;  // bytes dropped before tail_
};

}  // namespace autoresearch

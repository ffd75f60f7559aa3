#pragma once

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "util/atomic_file.h"
#include "util/secrets.h"

namespace autoresearch {

/// Appends to a log that may not grow without end: stores the first `limit` bytes and, in the destructor, a
/// line that says how much was left out and the last 64 KiB. No value of a secret gets there. A full disk
/// loses the log, not the run.
class LogWriter {
  public:
    /// An empty path drops everything. Adds the names of the secrets that it finds to `removed`. Throws
    /// std::system_error when the file cannot be opened.
    LogWriter(const std::filesystem::path& path, std::size_t limit, const Secrets& secrets,
              Secrets::Names& removed)
        : secrets_(secrets), removed_(removed), room_(limit) {
        if (!path.empty()) fd_ = open_own_file(path, O_WRONLY | O_CREAT | O_APPEND);
    }
    ~LogWriter() {
        finish();
        if (left_out_ > 0) store("\n[" + std::to_string(left_out_) + " bytes left out]\n");
        store(tail_);
    }
    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;

    void write(std::string_view text) {
        if (fd_) add(secrets_.clean_piece(text, rest_, removed_));
    }
    /// Nothing more comes: what could have been the beginning of a value is none.
    void finish() {
        add(secrets_.clean(rest_, removed_));
        rest_.clear();
    }

  private:
    void add(std::string_view text) {
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

    void store(std::string_view text) try {
        if (fd_) write_all(fd_.get(), text, "a log");
    } catch (const std::system_error&) {
        fd_.reset();
    }

    const Secrets& secrets_;
    Secrets::Names& removed_;
    Fd fd_;
    std::string rest_;  // may be the beginning of a value
    std::size_t room_;
    std::string tail_;          // the newest of what did not fit
    std::size_t left_out_ = 0;  // bytes dropped before tail_
};

}  // namespace autoresearch

#include "proc/log_writer.h"

#include <fcntl.h>

#include <algorithm>
#include <system_error>

#include "util/atomic_file.h"

namespace autoresearch {

LogWriter::LogWriter(const std::filesystem::path& path, std::size_t limit) : room_(limit) {
    if (!path.empty()) fd_ = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
}

void LogWriter::write(std::string_view text) {
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

void LogWriter::finish() {
    if (left_out_ > 0) store("\n[" + std::to_string(left_out_) + " bytes left out]\n");
    store(tail_);
    tail_.clear();
    left_out_ = 0;
}

void LogWriter::store(std::string_view text) try {
    if (fd_) write_all(fd_.get(), text, "a log");
} catch (const std::system_error&) {
    fd_.reset();
}

}  // namespace autoresearch

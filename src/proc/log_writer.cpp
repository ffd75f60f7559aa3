#include "proc/log_writer.h"

#include <fcntl.h>

#include <algorithm>
#include <system_error>

#include "util/atomic_file.h"

namespace autoresearch {
namespace {

constexpr std::size_t kTail = 64 << 10;

}  // namespace

LogWriter::LogWriter(const std::filesystem::path& path, std::int64_t limit) : room_(limit) {
    if (!path.empty()) fd_ = open_file(path, O_WRONLY | O_CREAT | O_APPEND);
}

void LogWriter::write(std::string_view text) {
    const auto fits =
        std::min<std::size_t>(text.size(), static_cast<std::size_t>(std::max<std::int64_t>(room_, 0)));
    store(text.substr(0, fits));
    room_ -= static_cast<std::int64_t>(fits);
    tail_ += text.substr(fits);
    if (tail_.size() > 2 * kTail) {
        left_out_ += static_cast<std::int64_t>(tail_.size() - kTail);
        tail_.erase(0, tail_.size() - kTail);
    }
}

void LogWriter::finish() {
    if (left_out_ > 0) store("\n[" + std::to_string(left_out_) + " bytes left out]\n");
    store(tail_);
    tail_.clear();
    left_out_ = 0;
}

void LogWriter::store(std::string_view text) {
    if (!fd_) return;
    try {
        write_all(fd_.get(), text, "a log");
    } catch (const std::system_error&) {
        fd_.reset();
    }
}

}  // namespace autoresearch

#include "proc/log_writer.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace autoresearch {
namespace {

constexpr std::size_t kTail = 64 << 10;

}  // namespace

LogWriter::LogWriter(const std::filesystem::path& path, std::int64_t limit) : room_(limit) {
    if (path.empty()) return;
    fd_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!fd_) throw std::system_error(errno, std::generic_category(), "cannot write " + path.string());
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
    while (fd_ && !text.empty()) {
        const ssize_t written = ::write(fd_.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fd_.reset();
        if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace autoresearch

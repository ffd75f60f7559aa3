#include "record/terminal_reporter.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "record/table.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {

namespace {

constexpr int kBarWidth = 20;

// Asked for each line: people resize windows.
std::size_t terminal_width(int fd) {
    winsize size{};
    return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string bar(double share) {
    const double bounded = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0;
    const auto done = std::lround(bounded * kBarWidth);
    return fmt::format("[{:<{}}] {:3.0f}%", std::string(static_cast<std::size_t>(done), '='), kBarWidth,
                       bounded * 100);
}

}  // namespace

OutputStyle output_style(int fd) {
    const auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        return std::string_view(value == nullptr ? "" : value);
    };
    OutputStyle style;
    style.terminal = ::isatty(fd) == 1 && variable("TERM") != "dumb";
    style.color = style.terminal && variable("NO_COLOR").empty();
    return style;
}

TerminalReporter::TerminalReporter(int fd, OutputStyle style, const std::filesystem::path& log_file)
    : fd_(fd), style_(style) {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(log_file.string());
    log_ = std::make_shared<spdlog::logger>("harness", std::move(sink));
    log_->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%SZ %v", spdlog::pattern_time_type::utc));
    log_->flush_on(spdlog::level::info);
}

TerminalReporter::~TerminalReporter() {
    if (drawn_) write("\r\x1b[K");
}

void TerminalReporter::phase(int experiment, const std::string& what) {
    phase_ = (experiment < 0 ? "" : "experiment " + std::to_string(experiment) + ": ") + clean_line(what);
    log_->info("{}", phase_);
    style_.terminal ? draw(phase_) : print(phase_);
}

void TerminalReporter::progress(double share, const std::string& detail) {
    if (style_.terminal) draw(phase_ + "  " + bar(share) + "  " + clean_line(detail));
}

void TerminalReporter::finished(const Experiment& experiment) {
    log_->info("{}", experiment_line(experiment, false));
    print(experiment_line(experiment, style_.color));
}

void TerminalReporter::note(const std::string& line) {
    const auto clean = clean_line(line, 2000);
    log_->info("{}", clean);
    print(clean);
}

void TerminalReporter::print(const std::string& line) {
    write((drawn_ ? "\r\x1b[K" : "") + line + "\n");
    drawn_ = false;
}

void TerminalReporter::draw(const std::string& line) {
    // One column stays free: a full line would wrap, and the next one could not replace it.
    write("\r" + clip(line, terminal_width(fd_) - 1) + "\x1b[K");
    drawn_ = true;
}

void TerminalReporter::write(const std::string& text) const {
    try {
        write_all(fd_, text, "the terminal");
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): the log has it
    }
}

}  // namespace autoresearch

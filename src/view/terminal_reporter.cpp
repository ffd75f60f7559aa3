#include "view/terminal_reporter.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "util/atomic_file.h"
#include "util/text.h"
#include "util/tree.h"
#include "view/result_table.h"

namespace autoresearch {

namespace {

constexpr int kBarWidth = 20;
constexpr double kNowInterval = 0.5;  // seconds

double unix_seconds() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration<double>(since_1970).count();
}

// Queried for each line: people resize windows.
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

spdlog::sink_ptr file_sink(const std::filesystem::path& file) {
    make_way(file);
    return std::make_shared<spdlog::sinks::basic_file_sink_st>(file.string());
}

void write(int fd, const std::string& text) {
    try {
        write_all(fd, text, "the terminal");
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): a closed terminal is not an error
    }
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

TerminalReporter::TerminalReporter(int fd, OutputStyle style, const std::filesystem::path& log_file,
                                   std::filesystem::path now_file)
    : fd_(fd),
      style_(style),
      now_file_(std::move(now_file)),
      log_(std::make_shared<spdlog::logger>("harness", file_sink(log_file))) {
    log_->set_pattern("%Y-%m-%dT%H:%M:%SZ %v", spdlog::pattern_time_type::utc);
    log_->set_level(spdlog::get_level());
    log_->flush_on(spdlog::level::trace);
    log_->set_error_handler([](const std::string&) {});  // a full disk must not end a night
    spdlog::set_default_logger(log_);
}

TerminalReporter::~TerminalReporter() {
    clear();
    std::error_code none;
    std::filesystem::remove(now_file_, none);
}

std::string TerminalReporter::shown(const std::string& text, std::size_t most) const {
    return clean_line(secrets_.clean(text), most);
}

void TerminalReporter::clear() {
    if (drawn_) write(fd_, "\r\x1b[K");
    drawn_ = false;
}

/// Not flushed to the disk: after a power cut nothing is going on.
void TerminalReporter::write_now(const Progress* progress) {
    if (now_file_.empty()) return;
    written_ = unix_seconds();
    const nlohmann::json none;
    nlohmann::json now = {{"stage", to_valid_utf8(phase_)},
                          {"experiment", experiment_},
                          {"share", none},
                          {"detail", ""},
                          {"step", none},
                          {"seed", none},
                          {"loss", none},
                          {"tokens_per_second", none},
                          {"since", since_},
                          {"updated", written_}};
    if (progress != nullptr) {
        now["share"] = progress->share;
        now["detail"] = shown(progress->detail);
        if (progress->step > 0) {
            now["step"] = progress->step;
            now["seed"] = progress->seed;
            now["loss"] = progress->loss;
            now["tokens_per_second"] = progress->tokens_per_second;
        }
    }
    const auto temporary = now_file_.string() + ".tmp";
    try {
        write_file(temporary, now.dump() + "\n");
        std::filesystem::rename(temporary, now_file_);
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): a full disk is noticed elsewhere
    }
}

void TerminalReporter::phase(int experiment, const std::string& what) {
    experiment_ = experiment;
    since_ = unix_seconds();
    phase_ = (experiment < 0 ? "" : "experiment " + std::to_string(experiment) + ": ") + shown(what);
    write_now(nullptr);
    if (!style_.terminal) return print(phase_, phase_);
    log_->info(phase_);
    draw(phase_);
}

void TerminalReporter::progress(const Progress& now) {
    if (unix_seconds() - written_ >= kNowInterval) write_now(&now);
    if (style_.terminal) draw(phase_ + "  " + bar(now.share) + "  " + shown(now.detail));
}

void TerminalReporter::finished(const Experiment& experiment) {
    print(secrets_.clean(experiment_line(experiment, style_.color)),
          secrets_.clean(experiment_line(experiment, false)));
}

void TerminalReporter::note(const std::string& line) {
    const auto clean = shown(line, 2000);
    print(clean, clean);
}

void TerminalReporter::print(const std::string& line, const std::string& logged) {
    log_->info(logged);
    write(fd_, (drawn_ ? "\r\x1b[K" : "") + line + "\n");
    drawn_ = false;
}

void TerminalReporter::draw(const std::string& line) {
    // Leave one column free: a full line would wrap, and the next one could not replace it.
    write(fd_, "\r" + clip(line, terminal_width(fd_) - 1) + "\x1b[K");
    drawn_ = true;
}

}  // namespace autoresearch

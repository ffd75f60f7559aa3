#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "contract/outside.h"
#include "util/secrets.h"

namespace spdlog {
class logger;
}

namespace autoresearch {

/// What the output can display.
struct OutputStyle {
    bool terminal = false;  // lines can be rewritten in place
    bool color = false;
};

/// Determined from the descriptor and the environment's NO_COLOR and TERM.
OutputStyle output_style(int fd);

/// Shows the loop to a person: on a terminal with a progress line that is rewritten in place, otherwise as
/// plain lines. Everything but progress also goes, with the time, to the log file. Drops output that it
/// cannot write: a closed terminal must not end a night's run (the caller ignores SIGPIPE).
class TerminalReporter final : public Reporter {
  public:
    /// Borrows `fd`; appends to the log, which from then on is spdlog's default one: at level debug
    /// (--verbose) it also gets every process that was started.
    /// `now_file`: keeps there, at most twice a second, what is going on: {"stage", "experiment", "share",
    /// "detail", "step", "seed", "loss", "tokens_per_second", "since", "updated"}, times in seconds since
    /// 1970; null where it is not known. Removed at the end. Empty: nowhere.
    TerminalReporter(int fd, OutputStyle style, const std::filesystem::path& log_file,
                     std::filesystem::path now_file = {});
    ~TerminalReporter() override;

    void phase(int experiment, const std::string& what) override;
    void progress(const Progress& now) override;
    void finished(const Experiment& experiment) override;
    void note(const std::string& line) override;
    /// Takes the progress line away: something else is about to be printed.
    void clear();

  private:
    /// One line of it, without secrets.
    std::string shown(const std::string& text, std::size_t most = 300) const;
    void print(const std::string& line, const std::string& logged);  // lines that stay
    void draw(const std::string& line);                              // the line that the next output replaces

    void write_now(const Progress* progress);

    int fd_;
    OutputStyle style_;
    std::filesystem::path now_file_;
    int experiment_ = -1;
    double since_ = 0, written_ = 0;
    std::shared_ptr<spdlog::logger> log_;
    const Secrets secrets_ = Secrets::here();
    std::string phase_;
    bool drawn_ = false;
};

}  // namespace autoresearch

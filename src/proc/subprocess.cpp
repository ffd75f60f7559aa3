#include "proc/subprocess.h"

#include <poll.h>
#include <spdlog/fmt/fmt.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "proc/log_writer.h"
#include "proc/platform.h"
#include "proc/process_tree.h"
#include "proc/spawn.h"

namespace autoresearch {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kLongestEvent = 1 << 20;
constexpr milliseconds kPollInterval{50};  // how late a stop request may be seen
constexpr milliseconds kBlindInterval{5};  // and the end of a process that closed its channels
constexpr double kMeasure = 0.25;          // seconds between two looks at memory and waits
constexpr double kHurriedMeasure = 0.05;   // from half of the memory limit on
constexpr double kThrottledShare = 0.05;   // of the time, from which on it counts
constexpr int kReadsPerRound = 64;         // so that a flood cannot keep us from looking at the clock

double seconds_since(steady_clock::time_point start) {
    return std::chrono::duration<double>(steady_clock::now() - start).count();
}

/// Cuts the bytes of the event channel into lines.
class LineSplitter {
  public:
    template <class Callback>
    void add(std::string_view bytes, const Callback& on_line) {
        for (auto newline = bytes.find('\n'); newline != std::string_view::npos; newline = bytes.find('\n')) {
            partial_ += bytes.substr(0, newline);
            if (!too_long_ && !partial_.empty()) on_line(std::string_view(partial_));
            partial_.clear();
            too_long_ = false;
            bytes.remove_prefix(newline + 1);
        }
        partial_ += bytes;
        if (partial_.size() > kLongestEvent) {
            too_long_ = true;
            partial_.clear();
        }
    }

  private:
    std::string partial_;
    bool too_long_ = false;
};

/// Watches one running process and all that it starts until they are gone.
class Supervisor {
  public:
    Supervisor(const ProcessSpec& spec, const StopRequest& stop, ProcessTree& tree, bool contained, Fd output,
               Fd events, LogWriter& log)
        : spec_(spec),
          stop_(stop),
          tree_(tree),
          contained_(contained),
          output_(std::move(output)),
          events_(std::move(events)),
          log_(log) {
        if (spec.limit > 0) deadline_.set(spec.limit);
    }

    ProcessResult run() {
        while (!tree_.root_has_ended()) {
            watch();
            measure();
            wait_for_activity();
            read_channels();
        }
        result_.wall_seconds = seconds_since(start_);
        measure_machine();
        const auto& end = tree_.end();
        read_channels();  // what was still in the pipes
        if (WIFEXITED(end.status)) result_.exit_code = WEXITSTATUS(end.status);
        if (WIFSIGNALED(end.status)) result_.signal = WTERMSIG(end.status);
        if (contained_ && result_.exit_code > kSignalCode) {
            result_.signal = result_.exit_code - kSignalCode;
            result_.exit_code = -1;
        }
        result_.cpu_seconds = end.cpu_seconds;
        result_.peak_memory_mb = end.peak_memory_mb;
        return result_;
    }

  private:
    static constexpr int kSignalCode = 128;  // a container's exit code for a signal is above this

    /// Starts or hardens the end when it is time.
    void watch() {
        if (!kill_at_) {
            result_.interrupted = stop_.now();
            result_.timed_out = !result_.interrupted && deadline_.passed();
            if (!result_.interrupted && !result_.timed_out) return;
            // The outermost process of a container would take everything with it at once.
            tree_.ask_to_end(!contained_);
            kill_at_.emplace().set(spec_.kill_grace);
        } else if (kill_at_->passed()) {
            tree_.end();
        }
    }

    /// Memory and waits cannot be asked for when a process has ended.
    void measure() {
        if (!measure_at_.passed()) return;
        const double held = tree_.held_gb(false);
        if (spec_.memory_limit > 0 && (held > spec_.memory_limit || platform::memory_is_short()))
            end_if_too_large();
        tree_.measure_waits(waits_);
        measure_machine();
        const bool hurry = spec_.memory_limit > 0 && held > spec_.memory_limit / 2;
        measure_at_.set(hurry ? kHurriedMeasure : kMeasure);
    }

    void end_if_too_large() {
        const double held = tree_.held_gb(true);
        if (held > spec_.memory_limit) {
            result_.over_memory = fmt::format(
                "{:.3g} GB of memory, more than the {:.3g} GB of --memory-limit", held, spec_.memory_limit);
        } else if (held > spec_.memory_limit / 2 && platform::memory_is_short()) {
            // With less, something else has filled the machine, and the end of this would not mend it.
            result_.over_memory = fmt::format("{:.3g} GB of memory, and the machine had none left", held);
        } else {
            return;
        }
        tree_.end();
    }

    void measure_machine() {
        Conditions& now = result_.conditions;
        // Two clocks are compared that are not read at the same instant.
        now.slept_seconds = std::round(10 * (platform::slept_seconds() - slept_)) / 10;
        now.steal_seconds = platform::stolen_seconds() - stolen_;
        now.throttled = platform::throttled_seconds() - throttled_ > kThrottledShare * seconds_since(start_);
        now.wait_seconds = 0;
        for (const auto& [thread, seconds] : waits_) now.wait_seconds += seconds;
    }

    void wait_for_activity() {
        // With both channels closed nothing wakes us at the end of the process.
        const auto wait = output_ || events_ ? kPollInterval : kBlindInterval;
        pollfd channels[2] = {{output_.get(), POLLIN, 0}, {events_.get(), POLLIN, 0}};
        ::poll(channels, 2, static_cast<int>(wait.count()));
    }

    void read_channels() {
        drain(output_, [&](std::string_view bytes) { log_.write(bytes); });
        drain(events_, [&](std::string_view bytes) {
            lines_.add(bytes, [&](std::string_view line) { spec_.on_event(line, deadline_); });
        });
    }

    template <class Sink>
    static void drain(Fd& fd, const Sink& sink) {
        char buffer[64 << 10];
        for (int reads = 0; fd && reads < kReadsPerRound; ++reads) {
            const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
            if (count > 0) {
                sink(std::string_view(buffer, static_cast<std::size_t>(count)));
            } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
                return;
            } else {
                fd.reset();
            }
        }
    }

    const ProcessSpec& spec_;
    const StopRequest& stop_;
    ProcessTree& tree_;
    const bool contained_;
    Fd output_, events_;
    LogWriter& log_;
    const steady_clock::time_point start_ = steady_clock::now();
    const double slept_ = platform::slept_seconds(), stolen_ = platform::stolen_seconds(),
                 throttled_ = platform::throttled_seconds();
    Deadline deadline_, measure_at_{0};
    std::optional<Deadline> kill_at_;  // set once SIGTERM was sent
    std::map<pid_t, double> waits_;    // of each thread that was ever seen
    LineSplitter lines_;
    ProcessResult result_;
};

/// Where the program is that the command names, as the child will find it; an errno value when it is not.
int locate(const ProcessSpec& spec, std::string& program) {
    if (program.find('/') == std::string::npos) {
        const auto found = find_program(program);
        if (!found) return ENOENT;
        program = std::filesystem::absolute(*found);
    }
    return ::access((spec.directory / program).c_str(), X_OK) == 0 ? 0 : errno;
}

}  // namespace

ProcessResult run_process(const ProcessSpec& spec, const StopRequest& stop) {
    platform::adopt_orphans();
    LogWriter log(spec.output, spec.output_limit);
    Pipe output = make_pipe();
    Pipe events = spec.on_event ? make_pipe() : Pipe{};
    const std::string mark = new_tree_mark();
    const std::vector<std::string> around = container();
    ProcessSpec started = spec;
    started.environment[kTreeVariable] = mark;
    int error = locate(spec, started.command.front());
    started.command.insert(started.command.begin(), around.begin(), around.end());
    pid_t pid = 0;
    if (error == 0) error = spawn(started, output.write.get(), events.write.get(), pid);
    output.write.reset();
    events.write.reset();
    if (error != 0) {
        ProcessResult result;
        result.start_error = "cannot start " + spec.command.front() + ": " + std::strerror(error);
        log.write(result.start_error + "\n");
        return result;
    }
    ProcessTree tree(pid, mark);
    const ProcessResult result =
        Supervisor(spec, stop, tree, !around.empty(), std::move(output.read), std::move(events.read), log)
            .run();
    log.finish();
    return result;
}

std::string signal_name(int signal) {
    return ::strsignal(signal);  // NOLINT(concurrency-mt-unsafe): one thread starts and judges processes
}

std::optional<std::filesystem::path> find_program(const std::string& name) {
    const auto runnable = [](const std::filesystem::path& path) {
        std::error_code ignored;
        return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
    };
    if (name.empty()) return std::nullopt;
    if (name.find('/') != std::string::npos)
        return runnable(name) ? std::optional<std::filesystem::path>(name) : std::nullopt;
    const char* path = std::getenv("PATH");
    std::string_view folders = path == nullptr ? "" : path;
    while (!folders.empty()) {
        const auto colon = folders.find(':');
        std::filesystem::path candidate = std::filesystem::path(folders.substr(0, colon)) / name;
        if (runnable(candidate)) return candidate;
        folders.remove_prefix(colon == std::string_view::npos ? folders.size() : colon + 1);
    }
    return std::nullopt;
}

}  // namespace autoresearch

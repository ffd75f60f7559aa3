#include "proc/subprocess.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "proc/log_writer.h"
#include "proc/platform.h"
#include "proc/spawn.h"

namespace autoresearch {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kLongestEvent = 1 << 20;
constexpr milliseconds kPollInterval{50};     // how late a stop request may be seen
constexpr milliseconds kBlindInterval{5};     // and the end of a process that closed its channels
constexpr milliseconds kGroupPatience{2000};  // for the system to clear away what SIGKILL ended
constexpr int kReadsPerRound = 64;            // so that a flood cannot keep us from looking at the clock

double seconds_since(steady_clock::time_point start) {
    return std::chrono::duration<double>(steady_clock::now() - start).count();
}

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
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

/// Owns one running process group until it is gone.
class Supervisor {
  public:
    Supervisor(const ProcessSpec& spec, const StopRequest& stop, steady_clock::time_point start, pid_t pid,
               Fd output, Fd events, LogWriter& log)
        : spec_(spec),
          stop_(stop),
          start_(start),
          pid_(pid),
          output_(std::move(output)),
          events_(std::move(events)),
          log_(log) {
        if (spec.limit > 0) deadline_.set(spec.limit);
    }
    ~Supervisor() {
        if (!reaped_) end_group();  // the callback threw
    }
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    ProcessResult run() {
        while (!has_ended()) {
            watch();
            wait_for_activity();
            read_channels();
        }
        result_.wall_seconds = seconds_since(start_);
        end_group();
        // What was still in the pipes when the process ended. Bounded, since a process that left the group
        // may write on.
        read_channels();
        return result_;
    }

  private:
    /// Leaves the process unreaped: its id, which is the group's id, stays taken until end_group() is done
    /// with it.
    bool has_ended() const {
        siginfo_t info{};
        return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
               info.si_pid != 0;
    }

    /// Starts or hardens the end of the group when it is time.
    void watch() {
        if (!kill_at_) {
            result_.interrupted = stop_.now();
            result_.timed_out = !result_.interrupted && deadline_.passed();
            if (!result_.interrupted && !result_.timed_out) return;
            ::kill(-pid_, SIGTERM);
            kill_at_.emplace().set(spec_.kill_grace);
        } else if (kill_at_->passed()) {
            ::kill(-pid_, SIGKILL);
        }
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

    /// Kills what is left of the group, reaps the process, and waits until nobody of the group is there.
    void end_group() {
        ::kill(-pid_, SIGKILL);
        int status = 0;
        rusage usage{};
        pid_t reaped = 0;
        do {
            reaped = ::wait4(pid_, &status, 0, &usage);
        } while (reaped < 0 && errno == EINTR);
        reaped_ = true;
        if (reaped == pid_) {
            if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
            if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
            result_.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
            result_.peak_memory_mb = platform::peak_resident_mb(usage);
        }
        // Members whose parent we are not may stay as zombies until that parent cares for them, hence the
        // limit.
        const auto patience = steady_clock::now() + kGroupPatience;
        while (steady_clock::now() < patience) {
            while (::waitpid(-pid_, nullptr, WNOHANG) > 0) {
            }
            if (::kill(-pid_, SIGKILL) != 0) return;
            ::poll(nullptr, 0, 1);
        }
    }

    const ProcessSpec& spec_;
    const StopRequest& stop_;
    const steady_clock::time_point start_;
    const pid_t pid_;
    Fd output_, events_;
    LogWriter& log_;
    Deadline deadline_;
    std::optional<Deadline> kill_at_;  // set once SIGTERM was sent
    LineSplitter lines_;
    bool reaped_ = false;
    ProcessResult result_;
};

}  // namespace

ProcessResult run_process(const ProcessSpec& spec, const StopRequest& stop) {
    platform::adopt_orphans();
    LogWriter log(spec.output, spec.output_limit);
    Pipe output = make_pipe();
    Pipe events = spec.on_event ? make_pipe() : Pipe{};
    pid_t pid = 0;
    const auto start = steady_clock::now();
    const int error = spawn(spec, output.write.get(), events.write.get(), pid);
    output.write.reset();
    events.write.reset();
    if (error != 0) {
        ProcessResult result;
        result.start_error = "cannot start " + spec.command.front() + ": " + std::strerror(error);
        log.write(result.start_error + "\n");
        return result;
    }
    Supervisor supervisor(spec, stop, start, pid, std::move(output.read), std::move(events.read), log);
    const ProcessResult result = supervisor.run();
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

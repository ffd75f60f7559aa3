#include "proc/subprocess.h"

#include <poll.h>
#include <signal.h>
#include <spdlog/fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "proc/boxed.h"
#include "proc/log_writer.h"
#include "proc/platform.h"
#include "proc/process_tree.h"
#include "proc/signals.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using platform::awake_seconds;

constexpr std::size_t kLongestLine = 1 << 20;
constexpr int kPollMilliseconds = 20;     // how late a stop, or an end with closed channels, may be seen
constexpr double kMeasure = 0.25;         // seconds between two looks at memory and waits
constexpr double kHurriedMeasure = 0.05;  // from half of the memory limit on
constexpr double kThrottledShare = 0.05;  // of the time, from which on it counts
constexpr double kGap = 2;                // seconds between two looks, from which on we were stopped
constexpr int kReadsPerRound = 64;        // so that a flood cannot keep us from looking at the clock
constexpr std::size_t kMostProcesses = 2000;
constexpr double kNever = std::numeric_limits<double>::infinity();

/// Ours, and those that only it gets.
Secrets secrets_of(const Environment& edits) {
    std::map<std::string, std::string> set;
    for (const auto& [name, value] : edits)
        if (value) set.emplace(name, *value);
    return Secrets::here(std::move(set));
}

}  // namespace

class Child::Running {
  public:
    /// `container`: the arguments to put in front of the command; may be empty.
    Running(const ProcessSpec& spec, const std::vector<std::string>& container)
        : spec_(spec),
          contained_(!container.empty() || spec.box.kind == BoxKind::bubblewrap),
          secrets_(secrets_of(spec.environment)),
          log_(spec.output, spec.output_limit, secrets_, result_.removed),
          errors_log_(spec.errors, spec.output_limit, secrets_, result_.removed),
          journal_(spec.events, spec.output_limit, secrets_, result_.removed) {
        Pipe output = make_pipe(), events = spec.on_event ? make_pipe() : Pipe{};
        Pipe errors = spec.errors.empty() ? Pipe{} : make_pipe();
        ProcessSpec started = spec;
        // Looked for here, as a container would not tell why a program does not start.
        std::string& program = started.command.front();
        const auto found = find_program(program);
        program = found.value_or(program);
        if (found) started.command = boxed(spec.box, started.command);
        started.command.insert(started.command.begin(), container.begin(), container.end());
        const int error =
            found ? tree_.start(started, output.write.get(), events.write.get(), errors.write.get()) : ENOENT;
        running_ = error == 0;
        if (!running_) {
            const std::string why = found ? std::strerror(error) : "no such program, or no right to run it";
            result_.start_error = "cannot start " + spec.command.front() + ": " + why;
            log_.write(result_.start_error + "\n");
        }
        spdlog::debug("process {}: {}", tree_.root(),
                      clean_line(secrets_.clean(fmt::format("{}", fmt::join(started.command, " "))), 500));
        output_ = std::move(output.read);
        errors_ = std::move(errors.read);
        events_ = std::move(events.read);
        if (spec.limit > 0) end_at_ = start_ + spec.limit;
    }
    ~Running() { end(); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    ProcessResult wait(const StopRequest& stop) {
        if (!running_) return result_;
        const Suspension suspension;
        while (running_ && !tree_.has_ended()) {
            if (suspension.asked()) suspend();
            notice_gap();
            watch(stop);
            measure();
            pollfd channels[] = {{output_.get(), POLLIN, 0},
                                 {errors_.get(), POLLIN, 0},
                                 {events_.get(), POLLIN, 0},
                                 {tree_.news(), POLLIN, 0}};
            ::poll(channels, std::size(channels), kPollMilliseconds);
            read_channels();
        }
        result_.wall_seconds = awake_seconds() - start_;
        describe_conditions();
        end();
        result_.conditions.others_seconds -= std::min(result_.conditions.others_seconds, result_.cpu_seconds);
        read_channels();  // what was still in the pipes
        for (LogWriter* log : {&log_, &errors_log_, &journal_}) log->finish();
        const int status = tree_.status(), code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        constexpr int kSignalCode = 128;
        if (WIFSIGNALED(status)) {
            result_.signal = WTERMSIG(status);
        } else if (contained_ && code > kSignalCode && code < kSignalCode + 32) {
            result_.signal = code - kSignalCode;
        } else {
            result_.exit_code = code;
        }
        spdlog::debug("process {} ended: code {}, signal {}, {:.2f} s, {:.2f} s of CPU time, {:.0f} MB",
                      tree_.root(), result_.exit_code, result_.signal, result_.wall_seconds,
                      result_.cpu_seconds, result_.peak_memory_mb);
        return result_;
    }

    /// The arguments in front of a command that make its processes end with it and with us; none where that
    /// does not work.
    static std::vector<std::string> container() {
        const std::vector<std::string> command = platform::container_command();
        if (command.empty() || !find_program(command.front())) return {};
        // A system may have the program and not let us use it.
        static const bool works = [&] {
            ProcessSpec spec;
            spec.command = {"/bin/sh", "-c", "exit 7"};
            return Running(spec, command).wait(NeverStop()).exit_code == 7;
        }();
        return works ? command : std::vector<std::string>();
    }

  private:
    bool is_ending() const { return result_.interrupted || result_.timed_out; }

    /// Starts or hardens the end when it is time.
    void watch(const StopRequest& stop) {
        const bool late = awake_seconds() >= end_at_;
        if (is_ending()) {
            if (late) end();
            return;
        }
        result_.interrupted = stop.now();
        result_.timed_out = !result_.interrupted && late;
        if (!is_ending()) return;
        for (const pid_t pid : tree_.processes()) {
            // The outermost process of a container would take everything with it at once.
            if (pid != tree_.root() || !contained_) ::kill(pid, SIGTERM);
        }
        end_at_ = awake_seconds() + spec_.kill_grace;
    }

    /// Ctrl-Z stops the children too: they must not use the machine, nor their budget, behind our back.
    void suspend() {
        const std::vector<pid_t> all = tree_.processes();
        for (const pid_t pid : all) ::kill(pid, SIGSTOP);
        ::raise(SIGSTOP);
        for (const pid_t pid : all) ::kill(pid, SIGCONT);
    }

    /// While we are stopped nobody hears the child, nor watches its limits.
    void notice_gap() {
        const double now = awake_seconds(), gap = now - looked_at_;
        looked_at_ = now;
        if (gap < kGap) return;
        result_.conditions.stopped_seconds += gap;
        end_at_ += gap;
    }

    /// Memory and waits cannot be asked for when a process has ended.
    void measure() {
        if (awake_seconds() < measure_at_) return;
        const std::vector<pid_t> all = tree_.processes();
        measure_waits(all);
        platform::machine_times();  // heat is seen only by looking
        // The command may be behind others that hold it in a container.
        if (std::any_of(all.begin(), all.end(), platform::is_stopped))
            result_.conditions.stopped_seconds += kMeasure;
        const double limit = spec_.memory_limit > 0 ? spec_.memory_limit : kNever;
        // With less than half, something else has filled the machine, and the end of this would not help.
        const auto too_much = [&](double held) {
            return held > limit || (held > limit / 2 && platform::memory_is_short());
        };
        double held = held_gb(all, false);
        measure_at_ = awake_seconds() + (held > limit / 2 ? kHurriedMeasure : kMeasure);
        if (all.size() > kMostProcesses) return end_over(fmt::format("{} processes", all.size()));
        if (const double disk = held_on_disk_gb(spec_.box); disk > 0)
            return end_over(fmt::format("{:.3g} GB of files, more than it may", disk));
        if (!too_much(held)) return;
        held = held_gb(all, true);
        if (!too_much(held)) return;
        end_over(fmt::format("{:.3g} GB of memory", held) +
                 (held > limit ? fmt::format(", more than the {:.3g} GB of --memory-limit", limit)
                               : ", and the machine had none left"));
    }

    void end_over(const std::string& what) {
        result_.over_limit = what;
        end();
    }

    void measure_waits(const std::vector<pid_t>& all) {
        const auto before = waits_;
        for (const pid_t pid : all) platform::measure_waits(pid, waits_);
        if (!spec_.waits_are_free) return;
        double longest = 0;
        for (const auto& [thread, seconds] : waits_) {
            const auto known = before.find(thread);
            longest = std::max(longest, seconds - (known == before.end() ? 0 : known->second));
        }
        end_at_ += longest;
    }

    static double held_gb(const std::vector<pid_t>& processes, bool exact) {
        std::int64_t bytes = 0;
        for (const pid_t pid : processes) bytes += platform::held_bytes(pid, exact);
        return static_cast<double>(bytes) / (1 << 30);
    }

    void describe_conditions() {
        const platform::MachineTimes now = platform::machine_times();
        Conditions& conditions = result_.conditions;
        for (const auto& [thread, seconds] : waits_) conditions.wait_seconds += seconds;
        conditions.others_seconds = now.busy - before_.busy;
        conditions.steal_seconds = now.stolen - before_.stolen;
        // Two clocks are compared that are not read at the same instant.
        conditions.slept_seconds = std::round(10 * (now.slept - before_.slept)) / 10;
        conditions.throttled = now.throttled - before_.throttled > kThrottledShare * result_.wall_seconds;
    }

    void read_channels() {
        drain(output_, [&](std::string_view bytes) { log_.write(bytes); });
        drain(errors_, [&](std::string_view bytes) { errors_log_.write(bytes); });
        drain(events_, [&](std::string_view bytes) { add_events(bytes); });
    }

    template <class Sink>
    static void drain(Fd& fd, const Sink& sink) {
        char buffer[64 << 10];
        for (int reads = 0; fd && reads < kReadsPerRound; ++reads) {
            const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
            if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
            if (count <= 0) return fd.reset();
            sink(std::string_view(buffer, static_cast<std::size_t>(count)));
        }
    }

    void add_events(std::string_view bytes) {
        journal_.write(bytes);
        for (std::size_t newline = 0; !bytes.empty(); bytes.remove_prefix(newline)) {
            newline = std::min(bytes.find('\n'), bytes.size());
            line_ += bytes.substr(0, std::min(newline, kLongestLine - line_.size()));
            if (newline == bytes.size()) return;
            const auto limit = spec_.on_event(secrets_.clean(line_, result_.removed));
            if (limit && !is_ending()) end_at_ = awake_seconds() + *limit;
            line_.clear();
            ++newline;
        }
    }

    void end() {
        if (!running_) return;
        running_ = false;
        tree_.end();
        const rusage& usage = tree_.usage();
        for (const timeval& time : {usage.ru_utime, usage.ru_stime})
            result_.cpu_seconds +=
                static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
        result_.peak_memory_mb = platform::peak_resident_mb(usage);
    }

    const ProcessSpec spec_;
    const bool contained_;
    ProcessResult result_;
    const Secrets secrets_;
    LogWriter log_, errors_log_, journal_;
    ProcessTree tree_;
    bool running_ = false;
    Fd output_, errors_, events_;
    std::string line_;  // of the events, as far as it has come
    const double start_ = awake_seconds();
    const platform::MachineTimes before_ = platform::machine_times();
    double end_at_ = kNever;  // when it gets SIGTERM, and then when SIGKILL
    double measure_at_ = 0;
    double looked_at_ = start_;
    std::map<pid_t, double> waits_;  // of each thread that was ever seen
};

Child Child::start(const ProcessSpec& spec) {
    const bool alone = spec.box.kind == BoxKind::none;
    return Child(std::make_shared<Running>(spec, alone ? Running::container() : std::vector<std::string>()));
}

ProcessResult Child::wait(const StopRequest& stop) {
    return running_->wait(stop);
}

ProcessResult run_process(const ProcessSpec& spec, const StopRequest& stop) {
    return Child::start(spec).wait(stop);
}

std::string signal_name(int signal) {
    return ::strsignal(signal);  // NOLINT(concurrency-mt-unsafe): one thread starts and judges processes
}

std::optional<std::filesystem::path> find_program(const std::string& name) {
    namespace fs = std::filesystem;
    const char* path = name.find('/') == std::string::npos ? std::getenv("PATH") : ".";
    std::string_view folders = path == nullptr || name.empty() ? "" : path;
    while (!folders.empty()) {
        const auto colon = std::min(folders.find(':'), folders.size());
        fs::path candidate = fs::absolute(fs::path(folders.substr(0, colon)) / name);
        std::error_code ignored;
        if (fs::is_regular_file(candidate, ignored) && ::access(candidate.c_str(), X_OK) == 0)
            return candidate;
        folders.remove_prefix(std::min(colon + 1, folders.size()));
    }
    return std::nullopt;
}

}  // namespace autoresearch

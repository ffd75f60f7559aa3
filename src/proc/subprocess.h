#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/experiment.h"
#include "contract/outside.h"

namespace autoresearch {

/// When the watchdog ends a process. Monotonic; may be moved while the process runs, from its event callback.
class Deadline {
  public:
    Deadline() = default;
    explicit Deadline(double seconds_from_now) { set(seconds_from_now); }
    void set(double seconds_from_now) {
        at_ = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                                     std::chrono::duration<double>(seconds_from_now));
    }
    bool passed() const { return at_ && std::chrono::steady_clock::now() >= *at_; }

  private:
    std::optional<std::chrono::steady_clock::time_point> at_;
};

/// One line that the process wrote to its event channel, without the newline.
/// A line longer than 1 MiB is dropped.
using EventCallback = std::function<void(std::string_view line, Deadline& deadline)>;

/// Variables to set, or to unset where there is no value.
using Environment = std::map<std::string, std::optional<std::string>>;

inline constexpr int kEventDescriptor = 3;

struct ProcessSpec {
    std::vector<std::string> command;  // argv; command[0] is looked up on PATH when it has no slash
    std::filesystem::path
        directory;                 // working directory; empty: ours. A relative command[0] is relative to it
    Environment environment;       // edits of ours
    std::filesystem::path input;   // stdin; empty: /dev/null
    std::filesystem::path output;  // stdout and stderr are appended here; empty: /dev/null
    std::size_t output_limit =
        32 << 20;             // bytes stored from the start; beyond it only the last 64 KiB are kept
    double limit = 0;         // seconds until the deadline; 0: none until the callback sets one
    double kill_grace = 5;    // seconds between SIGTERM and SIGKILL
    double memory_limit = 0;  // GB that all its processes may hold together; 0: no limit
    EventCallback on_event;   // when set, the child has an event channel at descriptor kEventDescriptor
};

struct ProcessResult {
    std::string start_error;    // why the process could not be started; empty when it ran
    int exit_code = -1;         // -1 when it ended by a signal or never ran
    int signal = 0;             // that ended it, also when the signal was ours
    bool timed_out = false;     // the deadline passed while it ran
    bool interrupted = false;   // the person asked to stop now
    std::string over_memory;    // why it was killed for its memory, with the figure; empty when it was not
    double wall_seconds = 0;    // spawn to the end of the process
    double cpu_seconds = 0;     // user + system, of all its processes
    double peak_memory_mb = 0;  // largest resident set of one process, MiB
    Conditions conditions;      // while it ran

    bool succeeded() const { return start_error.empty() && exit_code == 0 && !timed_out && !interrupted; }
};

/// Runs a command in a session of its own (so that ctrl-C and the terminal do not reach it) with every other
/// descriptor closed, and waits for it. At the deadline, or when the person asks to stop now, all its
/// processes get SIGTERM, then SIGKILL after the grace. Beyond the memory limit, or when they hold most of a
/// machine that has no memory left, it is SIGKILL at once. Whatever way the command ended, everything that it
/// started is killed, wherever it went (process_tree.h), and the call returns when that is gone; where
/// container() works nothing survives the end of this program either. Output never blocks the child, however
/// much it writes.
///
/// Throws std::system_error only when this machine is out of descriptors or disk.
ProcessResult run_process(const ProcessSpec& spec, const StopRequest& stop);

/// "Segmentation fault", "Killed", ... for a signal number, in the system's words.
std::string signal_name(int signal);

/// Full path of a program as PATH finds it (or of a path with a slash), when it exists and may be executed.
std::optional<std::filesystem::path> find_program(const std::string& name);

}  // namespace autoresearch

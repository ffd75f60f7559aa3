#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "box/box.h"
#include "contract/experiment.h"
#include "contract/outside.h"

namespace autoresearch {

/// Gets each line that the process wrote to its event channel, without the newline and cut at 1 MiB. It may
/// answer with a new limit, in seconds from now.
using EventCallback = std::function<std::optional<double>(std::string_view line)>;

/// Variables to set, or to unset where there is no value.
using Environment = std::map<std::string, std::optional<std::string>>;

inline constexpr int kEventDescriptor = 3, kFileDescriptor = 4;

struct ProcessSpec {
    std::vector<std::string> command;  // argv; command[0] is looked up on PATH when it has no slash
    std::filesystem::path directory;   // working directory; empty: ours. All paths are relative to ours
    Environment environment;           // edits of ours ...
    bool bare_environment = false;     // ... of which then nothing is left but paths, language and libraries
    Box box;                           // what it gets of this machine
    std::filesystem::path input;       // stdin; empty: /dev/null
    std::filesystem::path output;      // stdout and stderr are appended here; empty: /dev/null
    std::filesystem::path errors;      // stderr instead; empty: it goes where stdout goes
    std::size_t output_limit =
        32 << 20;                  // bytes stored from the start; beyond it only the last 64 KiB are kept
    double limit = 0;              // seconds; 0: none until the callback sets one. Sleep does not count
    bool waits_are_free = false;   // the limit stands still while a thread waits for a core
    double kill_grace = 2;         // seconds between SIGTERM and SIGKILL
    double memory_limit = 0;       // GB that all its processes may hold together; 0: no limit
    EventCallback on_event;        // when set, the child has an event channel at descriptor kEventDescriptor
    std::filesystem::path events;  // what comes by it is appended here, up to output_limit; empty: nowhere
    std::vector<std::filesystem::path> files;  // emptied and opened to append, as the descriptors from
                                               // kFileDescriptor on; needs an event channel
};

struct ProcessResult {
    std::string start_error;        // why the process could not be started; empty when it ran
    int exit_code = -1;             // -1 when it ended by a signal or never ran
    int signal = 0;                 // that ended it, also when the signal was ours
    bool timed_out = false;         // the limit passed while it ran
    bool interrupted = false;       // the person asked to stop now
    std::string over_limit;         // what it held when it was killed for that; empty when it was not
    double wall_seconds = 0;        // spawn to the end of the process, sleep not counted
    double cpu_seconds = 0;         // user + system, of all its processes
    double peak_memory_mb = 0;      // largest resident set of one process, MiB
    Conditions conditions;          // while it ran
    std::set<std::string> removed;  // secrets, by name, whose values it wrote: they are not in its logs

    bool succeeded() const { return start_error.empty() && exit_code == 0 && !timed_out && !interrupted; }
};

/// A command that runs in a session of its own (so that ctrl-C and the terminal do not reach it), with every
/// other descriptor closed. Whatever way it ends, all that it started is killed too, wherever that went, and
/// nothing else (process_tree.h says what belongs to it, and what is missed on macOS). Any number of them may
/// run at once.
class Child {
  public:
    /// Why it could not be started is told by wait(). Throws std::system_error only when this machine is out
    /// of descriptors or disk.
    static Child start(const ProcessSpec& spec);

    /// Returns when the command has ended and nothing of it is left. Beyond the limit, or when the person
    /// asks to stop now, all its processes get SIGTERM, then SIGKILL after the grace. Beyond the memory
    /// limit, or when they hold most of a machine that has no memory left, it is SIGKILL at once. Output does
    /// not block the child, however much it writes; before this call it does, limits are not watched, and no
    /// event is heard.
    ///
    /// A process container (platform::container_command) tells the end by a signal as a shell does, by an
    /// exit code from 129 to 159: a program that returns such a code by itself is taken for one that a signal
    /// ended.
    ProcessResult wait(const StopRequest& stop);

  private:
    class Running;  // what still runs at its destruction is killed
    explicit Child(std::shared_ptr<Running> running) : running_(std::move(running)) {}
    std::shared_ptr<Running> running_;
};

/// Both, one after the other.
ProcessResult run_process(const ProcessSpec& spec, const StopRequest& stop);

/// "Segmentation fault", "Killed", ... for a signal number, in the system's words.
std::string signal_name(int signal);

/// Absolute path of a program as PATH finds it (or of a path with a slash), when it exists and may be
/// executed.
std::optional<std::filesystem::path> find_program(const std::string& name);

}  // namespace autoresearch

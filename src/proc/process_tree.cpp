#include "proc/process_tree.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "proc/platform.h"
#include "util/atomic_file.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace autoresearch {
namespace {

/// In the environment of everything that we start: whose it is.
constexpr const char* kTreeVariable = "_AUTORESEARCH_TREE";

/// Within the tree of an outer harness all is the outer one's too, so its mark comes first.
std::string mark_of(const std::string& owner) {
    const char* outer = std::getenv(kTreeVariable);
    return (outer == nullptr ? "" : outer) + owner + "/";
}

std::string& own_mark() {
    static std::string text = mark_of(std::to_string(::getpid()));
    return text;
}

/// What a program needs to find its libraries and to speak the person's language, and nothing of the person.
bool is_of_machine(std::string_view name) {
    constexpr std::string_view kNames[] = {"PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"};
    constexpr std::string_view kBeginnings[] = {"LC_",   "OMP_",    "GOMP_",  "KMP_",      "MKL_",
                                                "CUDA_", "NVIDIA_", "CUDNN_", "OPENBLAS_", "CCACHE_"};
    return std::ranges::find(kNames, name) != std::end(kNames) ||
           std::ranges::any_of(kBeginnings, [&](auto each) { return name.starts_with(each); });
}

std::vector<std::string> edited_environment(const Environment& edits, bool bare) {
    std::vector<std::string> result;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry, name = text.substr(0, text.find('='));
        if (!edits.contains(name) && (!bare || is_of_machine(name))) result.push_back(text);
    }
    for (const auto& [name, value] : edits) {
        if (value) result.push_back(name + "=" + *value);
    }
    return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

}  // namespace

Pipe make_pipe() {
    int ends[2];
    if (::pipe(ends) != 0) throw_errno("cannot make a pipe");
    Pipe pipe{Fd(ends[0]), Fd(ends[1])};
    if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) throw_errno("cannot make a pipe");
    return pipe;
}

int ProcessTree::start(const ProcessSpec& spec, int output, int events, int errors) {
    static int trees = 0;
    mark_ = own_mark() + std::to_string(::getpid()) + "." + std::to_string(++trees) + "/";
    Environment edits = spec.environment;
    edits[kTreeVariable] = mark_;
    std::vector<std::string> command = spec.command,
                             environment = edited_environment(edits, spec.bare_environment);
    const std::vector<char*> arguments = pointers(command), variables = pointers(environment);
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);

    // Opened before the change of directory, so that a relative path is relative to ours.
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
                                     spec.input.empty() ? "/dev/null" : spec.input.c_str(), O_RDONLY, 0);
    if (output < 0) posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (output >= 0) posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors >= 0 ? errors : STDOUT_FILENO, STDERR_FILENO);
    if (events >= 0) posix_spawn_file_actions_adddup2(&actions, events, kEventDescriptor);
    int next = kFileDescriptor;
    for (const auto& file : spec.files)
        posix_spawn_file_actions_addopen(&actions, next++, file.c_str(),
                                         O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0644);
    if (!spec.directory.empty()) posix_spawn_file_actions_addchdir_np(&actions, spec.directory.c_str());

    // A session without a terminal: nothing can ask a question on /dev/tty, and ctrl-C does not reach it.
    short flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    platform::close_other_descriptors(&actions, &flags, events >= 0 ? next : kEventDescriptor);
    posix_spawnattr_setflags(&attributes, flags);
    // What we ignore or block must not be ignored or blocked in the child.
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) sigaddset(&signals, signal);
    posix_spawnattr_setsigdefault(&attributes, &signals);

    const int error = start([&](pid_t& pid) {
        return posix_spawnp(&pid, arguments.front(), &actions, &attributes, arguments.data(),
                            variables.data());
    });
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

/// It stays unreaped, so that its number, which on macOS is its group's too, is not given to another process.
bool ProcessTree::has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid != 0;
}

void add_descendants(std::vector<pid_t>& processes) {
    for (std::size_t i = 0; i < processes.size(); ++i) {
        for (const pid_t pid : platform::relatives(processes[i])) {
            if (std::find(processes.begin(), processes.end(), pid) == processes.end())
                processes.push_back(pid);
        }
    }
}

std::vector<pid_t> marked_processes(const std::string& mark) {
    std::vector<pid_t> result = platform::all_processes();
    std::erase_if(result,
                  [&](pid_t pid) { return !platform::variable_of(pid, kTreeVariable).starts_with(mark); });
    return result;
}

void kill_all(const std::function<std::vector<pid_t>()>& processes) {
    const double patience = platform::awake_seconds() + kPatience;
    while (platform::awake_seconds() < patience) {
        const std::vector<pid_t> rest = processes();
        if (rest.empty()) return;
        for (const pid_t pid : rest) ::kill(pid, SIGKILL);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

int take_over_processes(const std::filesystem::path& run_directory) {
    struct stat info{};  // the same path may be another folder to a process of another container
    ::stat(run_directory.c_str(), &info);
    own_mark() = mark_of(std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino));
    const std::vector<pid_t> leftovers = marked_processes(own_mark());
    for (const pid_t pid : leftovers) ::kill(pid, SIGKILL);
    return static_cast<int>(leftovers.size());
}

std::string keep_awake() {
    static ProcessTree keeper;
    ProcessSpec spec;
    spec.command = platform::keep_awake_command(::getpid());
    bool awake = keeper.start(spec, -1, -1) == 0;
    // Where it is not allowed, it ends at once.
    for (int i = 0; awake && i < 20; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        awake = !keeper.has_ended();
    }
    const std::string& name = spec.command.front();
    return awake ? "the machine stays awake while this runs (" + name + ")"
                 : "the machine may fall asleep: " + name + " is missing or not allowed";
}

}  // namespace autoresearch

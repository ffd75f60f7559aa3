#include "proc/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mutex>
#include <thread>

#include "proc/platform.h"
#include "proc/process_tree.h"
#include "util/atomic_file.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace autoresearch {
namespace {

constexpr int kFirstOwnDescriptor = 16;  // ours must not collide with the numbers that the child gets

std::vector<std::string> edited_environment(const ProcessSpec& spec) {
    std::vector<std::string> result;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::string name(text.substr(0, text.find('=')));
        if (spec.environment.find(name) == spec.environment.end()) result.emplace_back(text);
    }
    for (const auto& [name, value] : spec.environment) {
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

/// What posix_spawn is told, with the first error of telling it.
struct Orders {
    Orders() {
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
    }
    ~Orders() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    Orders(const Orders&) = delete;
    Orders& operator=(const Orders&) = delete;

    void check(int code) {
        if (error == 0) error = code;
    }

    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
    int error = 0;
};

/// What we ignore or block must not be ignored or blocked in the child.
void reset_signals(posix_spawnattr_t* attributes) {
    sigset_t set;
    sigemptyset(&set);
    posix_spawnattr_setsigmask(attributes, &set);
    for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) sigaddset(&set, signal);
    posix_spawnattr_setsigdefault(attributes, &set);
}

}  // namespace

Pipe make_pipe() {
    int ends[2];
    if (::pipe(ends) != 0) throw_errno("cannot make a pipe");
    const Fd low_read(ends[0]);
    const Fd low_write(ends[1]);
    Pipe pipe{Fd(::fcntl(ends[0], F_DUPFD_CLOEXEC, kFirstOwnDescriptor)),
              Fd(::fcntl(ends[1], F_DUPFD_CLOEXEC, kFirstOwnDescriptor))};
    if (!pipe.read || !pipe.write || ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) {
        throw_errno("cannot make a pipe");
    }
    return pipe;
}

int spawn(const ProcessSpec& spec, int output, int events, pid_t& pid) {
    Orders orders;
    // Opened before the change of directory, so that a relative path is relative to ours.
    const std::string input = spec.input.empty() ? "/dev/null" : spec.input.string();
    orders.check(posix_spawn_file_actions_addopen(&orders.actions, STDIN_FILENO, input.c_str(), O_RDONLY, 0));
    if (output >= 0) {
        orders.check(posix_spawn_file_actions_adddup2(&orders.actions, output, STDOUT_FILENO));
    } else {
        orders.check(
            posix_spawn_file_actions_addopen(&orders.actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0));
    }
    orders.check(posix_spawn_file_actions_adddup2(&orders.actions, STDOUT_FILENO, STDERR_FILENO));
    if (events >= 0)
        orders.check(posix_spawn_file_actions_adddup2(&orders.actions, events, kEventDescriptor));
    if (!spec.directory.empty())
        orders.check(posix_spawn_file_actions_addchdir_np(&orders.actions, spec.directory.c_str()));

    // A session without a terminal: nothing can ask a question on /dev/tty, and ctrl-C does not reach it.
    short flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    const int first_unused = events >= 0 ? kEventDescriptor + 1 : kEventDescriptor;
    orders.check(platform::close_other_descriptors(&orders.actions, &flags, first_unused));
    orders.check(posix_spawnattr_setflags(&orders.attributes, flags));
    reset_signals(&orders.attributes);
    if (orders.error != 0) return orders.error;

    std::vector<std::string> command = spec.command;
    std::vector<std::string> environment = edited_environment(spec);
    return posix_spawnp(&pid, command.front().c_str(), &orders.actions, &orders.attributes,
                        pointers(command).data(), pointers(environment).data());
}

std::vector<std::string> container() {
    static std::mutex mutex;
    static std::optional<std::filesystem::path> tried;
    static bool works = false;
    std::vector<std::string> command = platform::container_command();
    if (command.empty()) return {};
    const auto program = find_program(command.front());
    if (!program) return {};
    const std::lock_guard lock(mutex);
    if (tried != program) {
        // A system may have the program and not let us use it.
        ProcessSpec spec;
        spec.command = command;
        spec.command.insert(spec.command.end(), {"/bin/sh", "-c", "exit 7"});
        pid_t pid = 0;
        int status = 0;
        works = spawn(spec, -1, -1, pid) == 0 && ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
                WEXITSTATUS(status) == 7;
        tried = program;
    }
    return works ? command : std::vector<std::string>();
}

std::unique_ptr<ProcessTree> keep_awake(std::string& note) {
    ProcessSpec spec;
    spec.command = platform::keep_awake_command(::getpid());
    const std::string mark = new_tree_mark();
    spec.environment[kTreeVariable] = mark;
    std::unique_ptr<ProcessTree> keeper;
    pid_t pid = 0;
    if (spawn(spec, -1, -1, pid) == 0) keeper = std::make_unique<ProcessTree>(pid, mark);
    // Where it is not allowed, it ends at once.
    for (int i = 0; keeper && i < 20; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (keeper->root_has_ended()) keeper.reset();
    }
    const std::string& name = spec.command.front();
    note = keeper ? "the machine stays awake while this runs (" + name + ")"
                  : "the machine may fall asleep: " + name + " is missing or not allowed";
    return keeper;
}

}  // namespace autoresearch

#include "record/run_lock.h"

#include <autoresearch/error.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "record/run_files.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {

namespace {

pid_t pid_in(const std::filesystem::path& file) {
    return static_cast<pid_t>(std::strtol(try_read_file(file).value_or("").c_str(), nullptr, 10));
}

/// False when somebody else has it.
bool try_lock(int fd, int operation, const std::filesystem::path& file) {
    if (::flock(fd, operation | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK) throw_errno("cannot lock " + file.string());
    return false;
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& run_directory) {
    std::filesystem::create_directories(run_directory);
    const auto file = run_directory / run_files::kLock;
    fd_ = open_file(file, O_RDWR | O_CREAT);

    // holder() takes the lock for an instant: one refusal is not yet an answer.
    constexpr int kTries = 5;
    for (int i = 1; !try_lock(fd_.get(), LOCK_EX, file); ++i) {
        if (i == kTries) {
            throw UserError("run " + run_directory.filename().string() + " is already running (pid " +
                                std::to_string(pid_in(file)) + ")",
                            "wait for it, stop it, or start another one with --tag");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const auto pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd_.get(), 0) != 0) throw_errno("cannot write " + file.string());
    write_all(fd_.get(), pid, file.string());
}

std::optional<pid_t> RunLock::holder(const std::filesystem::path& run_directory) {
    const auto file = run_directory / run_files::kLock;
    const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd || try_lock(fd.get(), LOCK_SH, file)) return std::nullopt;
    return pid_in(file);
}

}  // namespace autoresearch

#include "record/run_lock.h"

#include <autoresearch/error.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "contract/run_files.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {

static pid_t pid_in(const std::filesystem::path& file) {
    return static_cast<pid_t>(std::strtol(try_read_file(file).value_or("").c_str(), nullptr, 10));
}

Fd lock_run(const std::filesystem::path& run_directory) {
    const auto file = run_files::lock(run_directory);
    Fd lock = wait_for_lock(file, [&, tries = 0]() mutable {
        // lock_holder() takes the lock for an instant: one refusal is not yet an answer.
        if (++tries < 3) return;
        throw UserError("run " + run_directory.filename().string() + " is already running (pid " +
                            std::to_string(pid_in(file)) + ")",
                        "wait for it, stop it, or start another one with --tag");
    });
    write_file(file, std::to_string(::getpid()) + "\n");
    return lock;
}

std::optional<pid_t> lock_holder(const std::filesystem::path& run_directory) {
    const auto file = run_files::lock(run_directory);
    const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd || ::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;
    return pid_in(file);
}

}  // namespace autoresearch

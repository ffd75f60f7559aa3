#include "record/run_lock.h"

#include <autoresearch/error.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <sstream>
#include <string>

#include "contract/run_files.h"
#include "proc/platform.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr auto kSilence =
    std::chrono::minutes(2);  // a run on another machine that logs nothing for so long is over

std::string host_name() {
    char name[256] = {};
    ::gethostname(name, sizeof name - 1);
    return name;
}

LockHolder holder_in(const fs::path& file) {
    LockHolder holder;
    std::istringstream(try_read_file(file).value_or("")) >> holder.pid >> holder.host;
    return holder;
}

/// What the file says counts where the lock itself cannot be trusted: some shared mounts give the same one to
/// several, or none. A process that was killed leaves its name there.
bool lives(const LockHolder& holder, const fs::path& run_directory) {
    if (holder.pid <= 0 || (holder.pid == ::getpid() && holder.host == host_name())) return false;
    if (holder.host == host_name())
        return platform::program_of(holder.pid).filename() == platform::self().filename();
    std::error_code none;
    const auto logged = fs::last_write_time(run_files::log(run_directory), none);
    return !holder.host.empty() && !none && fs::file_time_type::clock::now() - logged < kSilence;
}

}  // namespace

bool LockHolder::is_elsewhere() const {
    return !host.empty() && host != host_name();
}

bool LockHolder::is_paused() const {
    return !is_elsewhere() && platform::is_stopped(pid);
}

namespace {

[[noreturn]] void refuse(const LockHolder& holder, const fs::path& run_directory) {
    const bool elsewhere = holder.is_elsewhere();
    throw UserError("run " + run_directory.filename().string() + " is already running (pid " +
                        std::to_string(holder.pid) + (elsewhere ? " on " + holder.host : "") + ")",
                    elsewhere ? "wait for it, stop it there, or, if it is gone, remove " +
                                    run_files::lock(run_directory).string()
                              : "wait for it, stop it, or start another one with --tag");
}

}  // namespace

RunLock::RunLock(const fs::path& run_directory) : file_(run_files::lock(run_directory)) {
    fd_ = wait_for_lock(file_, [&, tries = 0]() mutable {
        // lock_holder() takes the lock for an instant: one refusal is not yet an answer.
        if (++tries >= 3) refuse(holder_in(file_), run_directory);
    });
    if (const auto holder = holder_in(file_); lives(holder, run_directory)) refuse(holder, run_directory);
    write_file(file_, std::to_string(::getpid()) + " " + host_name() + "\n");
}

RunLock::~RunLock() {
    if (::truncate(file_.c_str(), 0) != 0) {
        // Then the file names a process that is gone, as after a kill.
    }
}

std::optional<LockHolder> lock_holder(const fs::path& run_directory) {
    const auto file = run_files::lock(run_directory);
    const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return std::nullopt;
    const LockHolder holder = holder_in(file);
    const bool locked = ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    return locked || lives(holder, run_directory) ? std::optional(holder) : std::nullopt;
}

}  // namespace autoresearch

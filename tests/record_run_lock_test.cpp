#include <autoresearch/error.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "record/run_lock.h"
#include "temp_directory.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace autoresearch {
namespace {

using ::testing::HasSubstr;

pid_t holder_of(const std::filesystem::path& run) {
    const auto holder = lock_holder(run);
    return holder ? holder->pid : 0;
}

/// Why the run cannot be locked; empty if it can.
std::string refusal(const std::filesystem::path& run) {
    try {
        const RunLock lock(run);
        return "";
    } catch (const UserError& error) {
        return error.what();
    }
}

TEST(RunLock, OneHolderAtATime) {
    const TempDirectory directory;
    const auto run = directory / "nov5";
    EXPECT_EQ(holder_of(run), 0);
    {
        const RunLock lock(run);
        EXPECT_EQ(holder_of(run), ::getpid());
        EXPECT_EQ(refusal(run), "run nov5 is already running (pid " + std::to_string(::getpid()) + ")");
        const RunLock other(directory / "nov6");
    }
    EXPECT_EQ(holder_of(run), 0);
    const RunLock again(run);
    EXPECT_EQ(holder_of(run), ::getpid());
}

TEST(RunLock, ChildrenThatOutliveTheRunDoNotHoldIt) {
    const TempDirectory directory;
    pid_t child = 0;
    {
        const RunLock lock(directory / "nov5");
        char name[] = "sleep";
        char seconds[] = "30";
        char* arguments[] = {name, seconds, nullptr};
        ASSERT_EQ(::posix_spawnp(&child, "sleep", nullptr, nullptr, arguments, environ), 0);
    }
    EXPECT_EQ(holder_of(directory / "nov5"), 0);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

/// On a shared mount whose locks keep nobody out.
TEST(RunLock, TheFileCountsWhereLocksLie) {
    const TempDirectory directory;
    const auto run = directory / "nov5";
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    const pid_t child = ::fork();  // runs the same program, as a second start does
    if (child == 0) {
        while (true) ::pause();
    }
    const auto write = [&](pid_t pid, const std::string& where) {
        directory.write("nov5/lock", std::to_string(pid) + " " + where + "\n");
    };
    write(child, host);
    EXPECT_EQ(refusal(run), "run nov5 is already running (pid " + std::to_string(child) + ")");
    EXPECT_EQ(holder_of(run), child);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_EQ(holder_of(run), 0) << "it was killed";
    EXPECT_EQ(refusal(run), "");
    EXPECT_EQ(read_text(run / "lock"), "") << "who ends in order takes the name away";
    write(::getppid(), host);
    EXPECT_EQ(refusal(run), "") << "the number was given to another program";

    write(4711, "elsewhere");
    EXPECT_EQ(refusal(run), "") << "nothing was logged";
    const auto log = directory.write("nov5/harness.log", "");
    write(4711, "elsewhere");
    EXPECT_EQ(refusal(run), "run nov5 is already running (pid 4711 on elsewhere)");
    EXPECT_EQ(holder_of(run), 4711);
    std::filesystem::last_write_time(log,
                                     std::filesystem::file_time_type::clock::now() - std::chrono::minutes(3));
    EXPECT_EQ(holder_of(run), 0);
    EXPECT_EQ(refusal(run), "");
    write(4711, "");
    EXPECT_EQ(refusal(run), "") << "written by an older version";
}

}  // namespace
}  // namespace autoresearch

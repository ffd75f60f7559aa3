#include <autoresearch/error.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "record/run_lock.h"
#include "temp_directory.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace autoresearch {
namespace {

using ::testing::HasSubstr;

TEST(RunLock, OneHolderAtATime) {
    const TempDirectory directory;
    const auto run = directory / "nov5";
    EXPECT_EQ(lock_holder(run), std::nullopt);
    {
        const Fd lock = lock_run(run);
        EXPECT_EQ(lock_holder(run), ::getpid());
        try {
            lock_run(run);
            FAIL() << "locked twice";
        } catch (const UserError& error) {
            EXPECT_EQ(std::string(error.what()),
                      "run nov5 is already running (pid " + std::to_string(::getpid()) + ")");
        }
        const Fd other = lock_run(directory / "nov6");
    }
    EXPECT_EQ(lock_holder(run), std::nullopt);
    const Fd again = lock_run(run);
    EXPECT_EQ(lock_holder(run), ::getpid());
}

TEST(RunLock, ChildrenThatOutliveTheRunDoNotHoldIt) {
    const TempDirectory directory;
    pid_t child = 0;
    {
        const Fd lock = lock_run(directory / "nov5");
        char name[] = "sleep";
        char seconds[] = "30";
        char* arguments[] = {name, seconds, nullptr};
        ASSERT_EQ(::posix_spawnp(&child, "sleep", nullptr, nullptr, arguments, environ), 0);
    }
    EXPECT_EQ(lock_holder(directory / "nov5"), std::nullopt);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace autoresearch

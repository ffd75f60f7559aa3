// Real processes that die of real signals.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <system_error>

#include "autoresearch/error.h"
#include "record/fault_mark.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitizer = true;  // it takes these signals itself, and a stack of its own
#else
constexpr bool kSanitizer = false;
#endif

class FaultMarkTest : public ::testing::Test {
  protected:
    /// The status of a process that does this while it is marked.
    int status_of(const std::function<void()>& act) const {
        std::filesystem::remove(file_);
        const pid_t child = ::fork();
        if (child == 0) {
            const rlimit none{0, 0};
            ::setrlimit(RLIMIT_CORE, &none);
            const FaultMark mark(file_);
            act();
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return status;
    }
    /// Of a process that shows this exception to its mark.
    std::string reason_of(const std::exception& error) const {
        std::filesystem::remove(file_);
        FaultMark(file_).leave(error);
        return FaultMark::reason_in(file_);
    }
    TempDirectory directory_;
    std::filesystem::path file_ = directory_ / "fault.txt";
};

/// Uses up the stack; what it returns is of no interest.
int dive(volatile int* above) {
    volatile int here[1000] = {*above};
    return *above == 1 ? 0 : dive(here) + here[1];
}

TEST_F(FaultMarkTest, ASignalLeavesItsNameAndKills) {
    if (kSanitizer) GTEST_SKIP();
    const std::pair<int, const char*> signals[] = {{SIGSEGV, "SIGSEGV"},
                                                   {SIGBUS, "SIGBUS"},
                                                   {SIGFPE, "SIGFPE"},
                                                   {SIGILL, "SIGILL"},
                                                   {SIGABRT, "SIGABRT"}};
    for (const auto& [signal, name] : signals) {
        const int number = signal;
        const int status = status_of([=] { ::kill(::getpid(), number); });
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << name;
        EXPECT_EQ(FaultMark::reason_in(file_), name);
    }
    int status = status_of([] { std::abort(); });
    EXPECT_EQ(WTERMSIG(status), SIGABRT);
    EXPECT_EQ(FaultMark::reason_in(file_), "SIGABRT");
    status = status_of([] {
        volatile int zero = 0;
        dive(&zero);
    });
    EXPECT_EQ(WTERMSIG(status), SIGSEGV);
    EXPECT_EQ(FaultMark::reason_in(file_), "SIGSEGV") << "the stack is full";
}

TEST_F(FaultMarkTest, WhatComesFromOutsideLeavesNothing) {
    for (const int signal : {SIGKILL, SIGTERM}) {
        const int status = status_of([=] { ::kill(::getpid(), signal); });
        EXPECT_EQ(WTERMSIG(status), signal);
        EXPECT_FALSE(std::filesystem::exists(file_)) << signal;
    }
    EXPECT_EQ(status_of([] {}), 0);
    EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(FaultMarkTest, AProcessThatIsForkedOffIsNotMeant) {
    if (kSanitizer) GTEST_SKIP();
    status_of([] {
        const pid_t child = ::fork();
        if (child == 0) std::abort();
        ::waitpid(child, nullptr, 0);
    });
    EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(FaultMarkTest, ItsEndGivesTheSignalsBack) {
    struct sigaction before{}, after{};
    ::sigaction(SIGSEGV, nullptr, &before);
    {
        const FaultMark mark(file_);
    }
    ::sigaction(SIGSEGV, nullptr, &after);
    EXPECT_EQ(before.sa_handler, after.sa_handler);
}

TEST_F(FaultMarkTest, ExceptionsOfOursCountThoseOfTheMachineDoNot) {
    const auto system = [&](int code) {
        return reason_of(std::system_error(code, std::generic_category(), "cannot write it"));
    };
    EXPECT_EQ(reason_of(std::out_of_range("no such\n number")), "no such number");
    EXPECT_EQ(system(ENOTDIR), "cannot write it: Not a directory");
    EXPECT_EQ(reason_of(UserError("the disk is full")), "");
    for (const int code : {ENOSPC, EDQUOT, EIO, EMFILE, ENOENT, EACCES}) EXPECT_EQ(system(code), "") << code;
}

}  // namespace
}  // namespace autoresearch

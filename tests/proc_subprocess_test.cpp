#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include "proc/signals.h"
#include "proc/subprocess.h"
#include "temp_directory.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Asks to stop once `on` is set.
struct Switch : StopRequest {
    std::atomic<bool> on{false};
    bool after_experiment() const override { return on; }
    bool now() const override { return on; }
};

class Subprocess : public ::testing::Test {
  protected:
    ProcessSpec shell(const std::string& script) const {
        ProcessSpec spec;
        spec.command = {"/bin/sh", "-c", script};
        spec.output = log();
        spec.kill_grace = 0.2;
        return spec;
    }
    std::filesystem::path log() const { return directory_ / "log"; }
    std::string output() const { return read_text(log()); }

    /// A process is gone, not merely about to go: the supervisor promises that.
    static bool is_gone(const std::string& pid) {
        return ::kill(static_cast<pid_t>(std::stol(pid)), 0) != 0 && errno == ESRCH;
    }

    TempDirectory directory_;
    NeverStop never_;
};

TEST_F(Subprocess, StoresBothOutputsAndTheExitCode) {
    const auto result = run_process(shell("echo out; echo err >&2; exit 3"), never_);
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.signal, 0);
    EXPECT_FALSE(result.timed_out || result.interrupted || result.succeeded());
    EXPECT_EQ(output(), "out\nerr\n");
    EXPECT_GT(result.wall_seconds, 0);
    EXPECT_GT(result.peak_memory_mb, 0.1);
}

TEST_F(Subprocess, AppendsToTheLog) {
    run_process(shell("echo one"), never_);
    EXPECT_TRUE(run_process(shell("echo two"), never_).succeeded());
    EXPECT_EQ(output(), "one\ntwo\n");
}

TEST_F(Subprocess, MeasuresCpuTime) {
    const auto busy = run_process(shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"), never_);
    EXPECT_GT(busy.cpu_seconds, 0.005);
    EXPECT_LT(run_process(shell("sleep 0.2"), never_).cpu_seconds, 0.1);
}

TEST_F(Subprocess, ReportsTheSignal) {
    const auto result = run_process(shell("kill -SEGV $$"), never_);
    EXPECT_EQ(result.signal, SIGSEGV);
    EXPECT_EQ(result.exit_code, -1);
    EXPECT_EQ(signal_name(result.signal), "Segmentation fault");
}

TEST_F(Subprocess, SaysWhyAProgramDidNotStart) {
    ProcessSpec spec;
    spec.command = {(directory_ / "nothing").string()};
    EXPECT_THAT(run_process(spec, never_).start_error, HasSubstr("nothing: No such file"));
    spec.command = {directory_.write("data", "no program").string()};
    EXPECT_THAT(run_process(spec, never_).start_error, HasSubstr("Permission denied"));
}

TEST_F(Subprocess, StdinIsEmptyOrTheFile) {
    ProcessSpec spec = shell("cat; echo end");
    EXPECT_TRUE(run_process(spec, never_).succeeded());
    spec.input = directory_.write("input", "from the file\n");
    run_process(spec, never_);
    EXPECT_EQ(output(), "end\nfrom the file\nend\n");
}

TEST_F(Subprocess, EnvironmentAndDirectoryAreTheChildsOnly) {
    ::setenv("AUTORESEARCH_TEST_GONE", "1", 1);
    ProcessSpec spec = shell("echo \"$ADDED,${AUTORESEARCH_TEST_GONE-unset},$HOME\"; pwd");
    spec.environment = {{"ADDED", "a b"}, {"AUTORESEARCH_TEST_GONE", std::nullopt}, {"HOME", "/elsewhere"}};
    std::filesystem::create_directory(directory_ / "below");
    spec.directory = directory_ / "below";
    run_process(spec, never_);
    EXPECT_EQ(output(), "a b,unset,/elsewhere\n" + (directory_ / "below").string() + "\n");
    EXPECT_STREQ(std::getenv("AUTORESEARCH_TEST_GONE"), "1");
    ::unsetenv("AUTORESEARCH_TEST_GONE");
}

TEST_F(Subprocess, OtherDescriptorsAreClosed) {
    const int leaked = ::fcntl(STDIN_FILENO, F_DUPFD, 10);  // without FD_CLOEXEC
    const std::string probe = "for fd in 3 4 5 6 7 8 9 " + std::to_string(leaked) +
                              "; do if (eval \"true <&$fd\") 2>/dev/null; then echo open $fd; fi; done";
    run_process(shell(probe), never_);
    EXPECT_EQ(output(), "");
    ProcessSpec with_events = shell(probe);
    with_events.on_event = [](std::string_view, Deadline&) {};
    run_process(with_events, never_);
    EXPECT_EQ(output(), "open 3\n");
    ::close(leaked);
}

TEST_F(Subprocess, EventsArriveAsWholeLines) {
    std::vector<std::string> lines;
    ProcessSpec spec =
        shell("printf 'on' >&3; sleep 0.05; printf 'e\\ntwo\\n\\nlast without end' >&3; echo log");
    spec.on_event = [&](std::string_view line, Deadline&) { lines.emplace_back(line); };
    EXPECT_TRUE(run_process(spec, never_).succeeded());
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(output(), "log\n");
}

TEST_F(Subprocess, TheDeadlineEndsAHangingGroupPromptly) {
    ProcessSpec spec = shell("sleep 1000 & echo $!; wait");
    spec.limit = 0.2;
    spec.kill_grace = 60;
    const auto result = run_process(spec, never_);
    EXPECT_TRUE(result.timed_out);
    EXPECT_EQ(result.signal, SIGTERM);
    EXPECT_LT(result.wall_seconds, 10);
    EXPECT_TRUE(is_gone(output()));
}

TEST_F(Subprocess, WhoIgnoresTermIsKilled) {
    ProcessSpec spec = shell("trap '' TERM; echo $$; while :; do sleep 1000; done");
    spec.limit = 0.2;
    spec.kill_grace = 0.2;
    const auto result = run_process(spec, never_);
    EXPECT_TRUE(result.timed_out);
    EXPECT_EQ(result.signal, SIGKILL);
    EXPECT_LT(result.wall_seconds, 10);
    EXPECT_GE(result.wall_seconds, 0.4) << "the grace was not given";
}

TEST_F(Subprocess, TheCallbackMovesTheDeadline) {
    ProcessSpec longer = shell("echo go >&3; sleep 0.6; echo done");
    longer.limit = 0.3;
    longer.on_event = [](std::string_view, Deadline& deadline) { deadline.set(60); };
    EXPECT_TRUE(run_process(longer, never_).succeeded());
    ProcessSpec shorter = shell("echo go >&3; sleep 1000");
    shorter.limit = 60;
    shorter.on_event = [](std::string_view, Deadline& deadline) { deadline.set(0); };
    const auto result = run_process(shorter, never_);
    EXPECT_TRUE(result.timed_out);
    EXPECT_LT(result.wall_seconds, 10);
}

TEST_F(Subprocess, AStopRequestEndsIt) {
    Switch stop;
    std::thread person([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        stop.on = true;
    });
    const auto result = run_process(shell("sleep 1000"), stop);
    person.join();
    EXPECT_TRUE(result.interrupted);
    EXPECT_FALSE(result.timed_out);
    EXPECT_LT(result.wall_seconds, 10);
}

TEST_F(Subprocess, TheRestOfTheGroupGoesAfterANormalEnd) {
    const auto result = run_process(shell("trap '' TERM; sleep 1000 & echo $!; exit 0"), never_);
    EXPECT_TRUE(result.succeeded());
    EXPECT_LT(result.wall_seconds, 10) << "it waited for the background process";
    EXPECT_TRUE(is_gone(output()));
}

TEST_F(Subprocess, AFloodIsCutInTheMiddleAndBlocksNobody) {
    ProcessSpec spec = shell("echo first; yes 0123456789abcdef | head -c 30000000; echo; echo last");
    spec.output_limit = 10000;
    spec.limit = 60;
    EXPECT_TRUE(run_process(spec, never_).succeeded());
    const std::string log = output();
    EXPECT_LT(log.size(), 10000 + 200000u);
    EXPECT_THAT(log.substr(0, 6), "first\n");
    EXPECT_EQ(last_line(log), "last");
    EXPECT_THAT(log, HasSubstr("bytes left out]"));
}

TEST_F(Subprocess, AnEventFloodWithoutLinesTakesNoMemory) {
    std::vector<std::string> lines;
    ProcessSpec spec = shell("head -c 20000000 /dev/zero >&3; printf '\\nshort\\n' >&3");
    spec.on_event = [&](std::string_view line, Deadline&) { lines.emplace_back(line); };
    EXPECT_TRUE(run_process(spec, never_).succeeded());
    EXPECT_EQ(lines, std::vector<std::string>{"short"});
}

TEST_F(Subprocess, ClosedOutputsDoNotHideTheEnd) {
    const auto result = run_process(shell("exec >&- 2>&-; sleep 0.2; exit 4"), never_);
    EXPECT_EQ(result.exit_code, 4);
    EXPECT_LT(result.wall_seconds, 10);
}

TEST_F(Subprocess, AnExceptionOfTheCallbackLeavesNothingRunning) {
    ProcessSpec spec = shell("echo $$; echo go >&3; sleep 1000");
    spec.on_event = [](std::string_view, Deadline&) { throw std::runtime_error("no room"); };
    std::string pid;
    EXPECT_THROW(run_process(spec, never_), std::runtime_error);
    EXPECT_TRUE(is_gone(output()));
}

TEST_F(Subprocess, HasNoTerminal) {
    run_process(shell("if (: < /dev/tty) 2>/dev/null; then echo terminal; else echo none; fi"), never_);
    EXPECT_EQ(output(), "none\n");
}

TEST(FindProgram, FollowsPath) {
    const TempDirectory directory;
    const auto program = directory.write("tool", "#!/bin/sh\n");
    EXPECT_EQ(find_program(program.string()), std::nullopt) << "not executable";
    std::filesystem::permissions(program, std::filesystem::perms(0755));
    EXPECT_EQ(find_program(program.string()), program);
    EXPECT_TRUE(find_program("sh").has_value());
    EXPECT_EQ(find_program("no-such-program-here"), std::nullopt);
    EXPECT_EQ(find_program(""), std::nullopt);
    EXPECT_EQ(find_program(directory.path().string()), std::nullopt) << "a folder";
}

TEST(SignalStop, CountsRequests) {
    {
        SignalStop stop("after this one");
        EXPECT_FALSE(stop.after_experiment());
        ::raise(SIGINT);
        EXPECT_TRUE(stop.after_experiment());
        EXPECT_FALSE(stop.now());
        ::raise(SIGHUP);
        EXPECT_TRUE(stop.now());
    }
    SignalStop stop("after this one");
    EXPECT_FALSE(stop.after_experiment()) << "the count of an earlier one";
    ::raise(SIGTERM);
    EXPECT_TRUE(stop.now());
}

TEST(SignalStop, RestoresHandlersAndLeavesIgnoredSignals) {
    static std::atomic<int> caught{0};
    struct sigaction ours{}, before{};
    ours.sa_handler = [](int) { ++caught; };
    ::sigaction(SIGINT, &ours, &before);
    ::signal(SIGHUP, SIG_IGN);
    {
        SignalStop stop("after this one");
        ::raise(SIGHUP);
        EXPECT_FALSE(stop.after_experiment());
    }
    ::raise(SIGINT);
    EXPECT_EQ(caught, 1);
    ::sigaction(SIGINT, &before, nullptr);
    ::signal(SIGHUP, SIG_DFL);
}

}  // namespace
}  // namespace autoresearch

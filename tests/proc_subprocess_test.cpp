#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <future>
#include <random>
#include <thread>

#include "proc/platform.h"
#include "proc/process_tree.h"
#include "proc/signals.h"
#include "proc/subprocess.h"
#include "temp_directory.h"
#include "util/atomic_file.h"
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

/// A process that has nothing to do with the code under test, but is our child.
class Stranger {
  public:
    Stranger() {
        while (pid_ == 0) ::pause();
    }
    ~Stranger() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    bool lives() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }

  private:
    const pid_t pid_ = ::fork();
};

class Subprocess : public ::testing::Test {
  protected:
    ProcessSpec shell(const std::string& script) const {
        ProcessSpec spec;
        spec.command = {"/bin/sh", "-c", script};
        spec.environment["PATH"] = path_;
        spec.output = log();
        spec.kill_grace = 0.2;
        return spec;
    }
    std::filesystem::path log() const { return directory_ / "log"; }
    std::string output() const { return read_text(log()); }
    /// A named pipe that the test has open at both ends, so that neither side waits for the other to open it.
    Fd make_fifo() const {
        EXPECT_EQ(::mkfifo(fifo().c_str(), 0600), 0);
        return Fd(::open(fifo().c_str(), O_RDWR | O_CLOEXEC));
    }
    std::string fifo() const { return directory_ / "fifo"; }
    std::string misbehave(const std::string& what) const {
        return TEST_BINARY_DIR "/program_misbehave " + what + " " + token_;
    }

    /// The shell that has the token among its arguments, by its number out here: in a container it has
    /// another.
    pid_t process_of_token() const {
        const auto listed = directory_ / "shells";
        EXPECT_EQ(std::system(("PATH='" + path_ + "' ps -Ao pid,args > '" + listed.string() + "'").c_str()),
                  0);
        const std::string text = read_text(listed);
        for (const std::string_view line : split_lines(text))
            if (trim(line).find(" /bin/sh -c : " + token_) == trim(line).find(' '))
                return static_cast<pid_t>(std::atoi(std::string(trim(line)).c_str()));
        return 0;
    }
    /// Processes with the token among their arguments.
    int count_tokens() const {
        const auto listed = directory_ / "processes";
        EXPECT_EQ(std::system(("PATH='" + path_ + "' ps -Ao args > '" + listed.string() + "'").c_str()), 0);
        const std::string text = read_text(listed);
        int count = 0;
        for (const auto line : split_lines(text))
            count += line.find(token_) != std::string_view::npos ? 1 : 0;
        return count;
    }
    bool wait_for_tokens(const std::function<bool(int)>& enough) const {
        for (int i = 0; i < 500; ++i) {
            if (enough(count_tokens())) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return false;
    }

    const std::string path_ = std::getenv("PATH");
    // Good for `sleep`, and like nothing else in the list of processes.
    const std::string token_ = "1000.0" + std::to_string(::getpid()) + std::to_string(std::random_device()());
    TempDirectory directory_;
    NeverStop never_;
};

enum class Means { container, walk };

/// With both ways to hold processes together.
class Tree : public Subprocess, public ::testing::WithParamInterface<Means> {
  protected:
    void SetUp() override {
        if (GetParam() == Means::walk) {
            ::setenv("PATH", "/nowhere", 1);
        } else if (std::system("bwrap --dev-bind / / --unshare-pid true >/dev/null 2>&1") != 0) {
            GTEST_SKIP() << "no process container on this machine";
        }
    }
    void TearDown() override { ::setenv("PATH", path_.c_str(), 1); }

    /// A program that runs a command with a daemon, in a run of its own.
    pid_t start_harness() const {
        std::filesystem::create_directory(run_);
        const ProcessSpec spec = shell(misbehave("daemon") + "; sleep " + token_);
        const pid_t harness = ::fork();
        if (harness == 0) {
            take_over_processes(run_);
            run_process(spec, never_);
            std::_Exit(0);
        }
        EXPECT_TRUE(wait_for_tokens([](int count) { return count >= 3; })) << "shell, sleep and daemon";
        return harness;
    }

    const std::filesystem::path run_ = directory_ / "run";
};

INSTANTIATE_TEST_SUITE_P(, Tree, ::testing::Values(Means::container, Means::walk),
                         [](const auto& test) { return test.param == Means::walk ? "walk" : "container"; });

TEST_P(Tree, StoresBothOutputsAndTheExitCode) {
    const auto result = run_process(shell("echo out; echo err >&2; exit 3"), never_);
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.signal, 0);
    EXPECT_FALSE(result.timed_out || result.interrupted || result.succeeded());
    EXPECT_EQ(output(), "out\nerr\n");
    EXPECT_GT(result.wall_seconds, 0);
    EXPECT_GT(result.peak_memory_mb, 0.1);
}

TEST(Platform, AProcessThatEndsWhileItIsLookedAtHoldsNothing) {
    for (int i = 0; i < 1000; ++i) {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(0);
        const auto reaper = std::async(std::launch::async, [child] { ::waitpid(child, nullptr, 0); });
        while (::kill(child, 0) == 0) {
            EXPECT_GE(platform::held_bytes(child, i % 2 == 0), 0);
            (void)platform::variable_of(child, "HOME");
            EXPECT_TRUE(platform::relatives(child).empty());
        }
    }
}

TEST_F(Subprocess, SecretsReachNeitherLogsNorEvents) {
    ProcessSpec spec = shell(
        "printf '1 %s.' $GIVEN_KEY; printf $GIVEN_KEY | tail -c 3; echo $GIVEN_KEY >&2;"
        "printf '{\"x\":\"%s\"}\\n' $GIVEN_KEY >&3; printf ' '$GIVEN_KEY; printf Zq7wX0y1");
    spec.environment["GIVEN_KEY"] = "Zq7wX0y1v9R-1";
    spec.errors = directory_ / "errors";
    spec.events = directory_ / "events";
    std::string heard;
    spec.on_event = [&](std::string_view line) {
        heard += line;
        return std::nullopt;
    };
    EXPECT_EQ(run_process(spec, never_).removed, std::set<std::string>{"GIVEN_KEY"});
    EXPECT_EQ(output(), "1 [GIVEN_KEY removed].R-1 [GIVEN_KEY removed]Zq7wX0y1");
    EXPECT_EQ(read_text(spec.errors), "[GIVEN_KEY removed]\n");
    EXPECT_EQ(heard, R"({"x":"[GIVEN_KEY removed]"})");
    EXPECT_EQ(read_text(spec.events), heard + "\n");
}

TEST_F(Subprocess, AppendsToTheLog) {
    run_process(shell("echo one"), never_);
    EXPECT_TRUE(run_process(shell("echo two"), never_).succeeded());
    EXPECT_EQ(output(), "one\ntwo\n");
}

TEST_P(Tree, MeasuresCpuTime) {
    const auto busy = run_process(shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"), never_);
    EXPECT_GT(busy.cpu_seconds, 0.005);
    const auto below =
        run_process(shell("(i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; :) & wait"), never_);
    EXPECT_GT(below.cpu_seconds, 0.005);
    EXPECT_LT(run_process(shell("sleep 0.2"), never_).cpu_seconds, 0.1);
    const Fd fifo_end = make_fifo();
    const auto orphan = run_process(shell("((i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo >" +
                                          fifo() + ") &); read end <" + fifo() + "; sleep 0.1"),
                                    never_);
    if (platform::adopts_orphans()) {
        EXPECT_GT(orphan.cpu_seconds, 0.005);
    }
}

TEST_P(Tree, ReportsTheSignal) {
    const auto result = run_process(shell("kill -SEGV $$"), never_);
    EXPECT_EQ(result.signal, SIGSEGV);
    EXPECT_EQ(result.exit_code, -1);
    EXPECT_EQ(signal_name(result.signal), "Segmentation fault");
    EXPECT_EQ(run_process(shell("exit 255"), never_).exit_code, 255) << "no signal has such a code";
}

TEST_P(Tree, SaysWhyAProgramDidNotStart) {
    ProcessSpec spec;
    spec.command = {(directory_ / "nothing").string()};
    EXPECT_THAT(run_process(spec, never_).start_error, HasSubstr("nothing: no such program"));
    spec.command = {directory_.write("data", "no program").string()};
    EXPECT_THAT(run_process(spec, never_).start_error, HasSubstr("no right to run it"));
    spec = shell("true");
    spec.directory = directory_ / "nowhere";
    if (GetParam() == Means::walk) {
        EXPECT_THAT(run_process(spec, never_).start_error, HasSubstr("No such file or directory"));
    }
}

TEST_P(Tree, WhoIsStoppedHasNotEnded) {
    const auto result = run_process(
        shell("(until ps -o stat= -p $$ | grep -q T; do :; done; kill -CONT $$) & kill -STOP $$; exit 5"),
        never_);
    EXPECT_EQ(result.exit_code, 5);
}

TEST_F(Subprocess, CtrlZStopsTheChildrenTooAndTheGapIsCounted) {
    const pid_t harness = ::fork();
    if (harness == 0) {
        ProcessSpec spec = shell(": " + token_ + "; echo > '" + log().string() +
                                 ".pid'; n=0; while [ $n -lt 20 ]; do sleep 0.1; n=$((n+1)); done");
        spec.limit = 5;  // would pass meanwhile
        const auto result = run_process(spec, never_);
        ::_exit(result.succeeded() && result.conditions.stopped_seconds > 2 ? 42 : 1);
    }
    const auto pid_file = log().string() + ".pid";
    while (read_text(pid_file).empty()) ::usleep(10'000);
    const pid_t child = process_of_token();
    ASSERT_GT(child, 0);
    ::usleep(500'000);  // the child was faster than the harness's wait()
    ::kill(harness, SIGTSTP);
    int status = 0;
    ASSERT_EQ(::waitpid(harness, &status, WUNTRACED), harness);
    EXPECT_TRUE(WIFSTOPPED(status));
    EXPECT_TRUE(platform::is_stopped(harness));
    // A stop takes hold when its process is next on a core.
    for (int i = 0; i < 200 && !platform::is_stopped(child); ++i) ::usleep(10'000);
    EXPECT_TRUE(platform::is_stopped(child));
    ::usleep(5'200'000);
    ::kill(harness, SIGCONT);
    ASSERT_EQ(::waitpid(harness, &status, 0), harness);
    EXPECT_EQ(WEXITSTATUS(status), 42);
}

TEST_F(Subprocess, AStoppedChildIsNoticed) {
    const auto result = run_process(shell("(sleep 1; kill -CONT $$) & kill -STOP $$; exit 5"), never_);
    EXPECT_EQ(result.exit_code, 5);
    EXPECT_GT(result.conditions.stopped_seconds, 0);
    EXPECT_EQ(run_process(shell("sleep 0.6"), never_).conditions.stopped_seconds, 0);
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
    with_events.on_event = [](std::string_view) { return std::nullopt; };
    run_process(with_events, never_);
    EXPECT_EQ(output(), "open 3\n");
    ::close(leaked);
}

TEST_F(Subprocess, EventsArriveAsWholeLines) {
    std::vector<std::string> lines;
    ProcessSpec spec =
        shell("printf 'on' >&3; sleep 0.05; printf 'e\\ntwo\\n\\nlast without end' >&3; echo log");
    spec.events = directory_ / "events";
    spec.on_event = [&](std::string_view line) {
        lines.emplace_back(line);
        return std::nullopt;
    };
    EXPECT_TRUE(run_process(spec, never_).succeeded());
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", ""}));
    EXPECT_EQ(read_text(spec.events), "one\ntwo\n\nlast without end");
    EXPECT_EQ(output(), "log\n");
}

TEST_P(Tree, TheDeadlineEndsAHangingGroupPromptly) {
    ProcessSpec spec = shell("sleep " + token_ + " & wait");
    spec.limit = 0.2;
    spec.kill_grace = 60;
    const auto result = run_process(spec, never_);
    EXPECT_TRUE(result.timed_out);
    EXPECT_EQ(result.signal, SIGTERM);
    EXPECT_LT(result.wall_seconds, 10);
    EXPECT_EQ(count_tokens(), 0);
}

TEST_P(Tree, WhoIgnoresTermIsKilled) {
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
    longer.on_event = [](std::string_view) { return 60; };
    EXPECT_TRUE(run_process(longer, never_).succeeded());
    ProcessSpec shorter = shell("echo go >&3; sleep 1000");
    shorter.limit = 60;
    shorter.on_event = [](std::string_view) { return 0; };
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

TEST_P(Tree, WhatItStartedGoesAfterANormalEnd) {
    const auto result = run_process(shell("trap '' TERM; sleep " + token_ + " & exit 0"), never_);
    EXPECT_TRUE(result.succeeded());
    EXPECT_LT(result.wall_seconds, 10) << "it waited for the background process";
    EXPECT_EQ(count_tokens(), 0);
}

TEST_P(Tree, ADaemonGoesToo) {
    ProcessSpec spec = shell(misbehave("daemon"));
    EXPECT_TRUE(run_process(spec, never_).succeeded());
    EXPECT_EQ(count_tokens(), 0);
    if (!platform::adopts_orphans()) GTEST_SKIP() << "only its mark shows whose it is";
    spec = shell("env -i " + misbehave("daemon") + "; sleep 1000");
    spec.limit = 0.1;
    EXPECT_TRUE(run_process(spec, never_).timed_out);
    EXPECT_EQ(count_tokens(), 0);
}

TEST_P(Tree, EndingOneLeavesTheOthersAlone) {
    const Stranger server;  // as after `server & exec autoresearch`
    const Fd fifo_end = make_fifo();
    Child other = Child::start(shell("read word <" + fifo() + "; exit $word"));
    const Stranger stranger;
    const std::string bare = platform::adopts_orphans() ? "env -i " : "";
    ProcessSpec spec = shell(bare + misbehave("daemon") + "; echo go >&3; sleep " + token_);
    spec.on_event = [](std::string_view) { return 0; };
    EXPECT_TRUE(run_process(spec, never_).timed_out);
    EXPECT_EQ(count_tokens(), 0);
    EXPECT_TRUE(server.lives());
    EXPECT_TRUE(stranger.lives());
    write_all(fifo_end.get(), "7\n", "the pipe");
    EXPECT_EQ(other.wait(never_).exit_code, 7);
    EXPECT_TRUE(server.lives() && stranger.lives());
}

TEST_P(Tree, AChildThatNobodyWaitsForEndsWithItsObject) {
    const Fd fifo_end = make_fifo();
    {
        const Child child = Child::start(shell("echo started >" + fifo() + "; sleep " + token_));
        char text[8];
        EXPECT_EQ(::read(fifo_end.get(), text, sizeof text), 8);
    }
    EXPECT_EQ(count_tokens(), 0);
}

TEST_P(Tree, WhoFleesFromChildToChildIsCaught) {
    Fd fifo_end = make_fifo();
    ProcessSpec spec = shell("exec 5>" + fifo() + "; " + misbehave("flee") + " & " + misbehave("flee") +
                             " & echo go >&3; sleep 1000");
    spec.on_event = [](std::string_view) { return 0; };
    EXPECT_TRUE(run_process(spec, never_).timed_out);
    // Only our end is left.
    Fd reader = Fd(::open(fifo().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    fifo_end.reset();
    char nothing = 0;
    EXPECT_EQ(::read(reader.get(), &nothing, 1), 0);
}

TEST_P(Tree, WhoKillsItsSupervisorGoesToo) {
    if (GetParam() == Means::container || !platform::adopts_orphans())
        GTEST_SKIP() << "it has none, or cannot see it";
    const Fd fifo_end = make_fifo();
    Child child = Child::start(shell("read word <" + fifo() + "; kill -9 $PPID; sleep " + token_));
    write_all(fifo_end.get(), "go\n", "the pipe");
    EXPECT_EQ(child.wait(never_).signal, SIGKILL);
    EXPECT_EQ(count_tokens(), 0);
}

TEST_P(Tree, WhoStopsItsSupervisorGoesToo) {
    if (GetParam() == Means::container || !platform::adopts_orphans())
        GTEST_SKIP() << "it has none, or cannot see it";
    ProcessSpec spec =
        shell("trap '' TERM; (while :; do kill -STOP $PPID; done) & while :; do kill -STOP $PPID; done");
    spec.limit = 0.2;
    spec.kill_grace = 0.1;
    EXPECT_TRUE(run_process(spec, never_).timed_out);
}

TEST_P(Tree, NothingOutlivesAKilledHarness) {
    const pid_t harness = start_harness();
    ::kill(harness, SIGKILL);
    ::waitpid(harness, nullptr, 0);
    if (!platform::adopts_orphans()) {
        EXPECT_EQ(take_over_processes(run_), 3) << "the next start finds them";
    }
    EXPECT_TRUE(wait_for_tokens([](int count) { return count == 0; }));
}

TEST_P(Tree, TheNextStartEndsWhoOutlivedTheSupervisorToo) {
    const pid_t harness = start_harness();
    ::kill(harness, SIGSTOP);
    ::waitpid(harness, nullptr, WUNTRACED);
    if (platform::adopts_orphans()) ::kill(platform::relatives(harness).at(0), SIGKILL);
    ::kill(harness, SIGKILL);
    ::waitpid(harness, nullptr, 0);
    if (GetParam() == Means::walk) {
        EXPECT_EQ(take_over_processes(run_), 3) << "shell, sleep and daemon";
    }
    EXPECT_TRUE(wait_for_tokens([](int count) { return count == 0; }));
}

TEST_F(Subprocess, AnotherRunsProcessesAreLeftAlone) {
    const std::filesystem::path run = directory_ / "run", other = directory_ / "other";
    std::filesystem::create_directory(run);
    std::filesystem::create_directory(other);
    take_over_processes(run);
    ProcessSpec spec = shell("echo go >&3; sleep 0.2");
    int ended = -1;
    spec.on_event = [&](std::string_view) {
        ended = take_over_processes(other);
        return std::nullopt;
    };
    EXPECT_TRUE(run_process(spec, never_).succeeded());
    EXPECT_EQ(ended, 0);
}

TEST_P(Tree, ARunawayIsKilledBeforeTheMachineIsFull) {
    ProcessSpec spec = shell(misbehave("grow") + " & " + misbehave("grow") + " & wait");
    spec.memory_limit = 0.3;
    const auto result = run_process(spec, never_);
    EXPECT_THAT(result.over_limit, HasSubstr("more than the 0.3 GB of --memory-limit"));
    EXPECT_GT(std::atof(result.over_limit.c_str()), 0.3);
    EXPECT_LT(std::atof(result.over_limit.c_str()), 1.5);
    EXPECT_FALSE(result.timed_out);
    EXPECT_LT(result.wall_seconds, 10);
    EXPECT_EQ(count_tokens(), 0);
}

TEST_P(Tree, MemoryThatProcessesShareCountsOnce) {
    ProcessSpec spec = shell(misbehave("share"));
    spec.memory_limit = 0.5;
    const auto result = run_process(spec, never_);
    EXPECT_EQ(result.over_limit, "");
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_GT(result.peak_memory_mb, 190);
}

TEST_P(Tree, WaitingForACoreIsMeasured) {
    EXPECT_LT(run_process(shell("sleep 0.1"), never_).conditions.wait_seconds, 0.2);
    const auto crowd = std::to_string(4 * std::max(1U, std::thread::hardware_concurrency()));
    const auto result = run_process(
        shell("for i in $(seq " + crowd + "); do (while :; do :; done) & done; sleep 0.6; exit 0"), never_);
    EXPECT_GT(result.conditions.wait_seconds, 0.3);
    EXPECT_GE(result.conditions.steal_seconds, 0);
    EXPECT_EQ(result.conditions.slept_seconds, 0);
    EXPECT_FALSE(result.conditions.throttled);
}

TEST_F(Subprocess, WhatOthersDoIsMeasured) {
    std::vector<Child> others;
    for (int i = 0; i < 2; ++i) others.push_back(Child::start(shell("while :; do :; done")));
    EXPECT_GT(run_process(shell("sleep 1"), never_).conditions.others_seconds, 0.5);
}

TEST_F(Subprocess, TheLimitStandsStillWhileItWaitsForACore) {
    ProcessSpec spec = shell("n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done");
    const double alone = run_process(spec, never_).wall_seconds;
    std::vector<Child> others;
    const auto crowd = 6 * std::max(1U, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < crowd; ++i) others.push_back(Child::start(shell("while :; do :; done")));
    spec.limit = 2 * alone + 0.5;
    spec.waits_are_free = true;
    EXPECT_TRUE(run_process(spec, never_).succeeded());
    ProcessSpec sleeper = shell("sleep 30");
    sleeper.limit = 1;
    sleeper.waits_are_free = true;
    EXPECT_TRUE(run_process(sleeper, never_).timed_out);
    spec.waits_are_free = false;
    spec.limit = alone / 2;
    EXPECT_TRUE(run_process(spec, never_).timed_out);
}

TEST_F(Subprocess, AGigabyteOfOutputIsCutInNoTime) {
    ProcessSpec spec = shell("head -c 1000000000 /dev/zero");
    spec.limit = 60;
    EXPECT_TRUE(run_process(spec, never_).succeeded());
    EXPECT_LT(std::filesystem::file_size(log()), 34u << 20);
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
    spec.on_event = [&](std::string_view line) {
        lines.emplace_back(line);
        return std::nullopt;
    };
    EXPECT_TRUE(run_process(spec, never_).succeeded());
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].size(), 1U << 20);
    EXPECT_EQ(lines[1], "short");
}

TEST_F(Subprocess, ClosedOutputsDoNotHideTheEnd) {
    const auto result = run_process(shell("exec >&- 2>&-; sleep 0.2; exit 4"), never_);
    EXPECT_EQ(result.exit_code, 4);
    EXPECT_LT(result.wall_seconds, 10);
}

TEST_P(Tree, AnExceptionOfTheCallbackLeavesNothingRunning) {
    ProcessSpec spec = shell("echo go >&3; sleep " + token_);
    spec.on_event = [](std::string_view) -> std::optional<double> { throw std::runtime_error("no room"); };
    EXPECT_THROW(run_process(spec, never_), std::runtime_error);
    EXPECT_EQ(count_tokens(), 0);
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

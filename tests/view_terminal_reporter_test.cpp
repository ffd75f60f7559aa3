#include <fcntl.h>
#include <gmock/gmock.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "proc/signals.h"
#include "proc/subprocess.h"
#include "temp_directory.h"
#include "util/fd.h"
#include "view/terminal_reporter.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class TerminalReporterTest : public ::testing::Test {
  protected:
    TerminalReporterTest() {
        int ends[2];
        if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
        reading_.reset(ends[0]);
        writing_.reset(ends[1]);
    }

    /// Runs a short story of two experiments and returns what came out of the pipe.
    std::string story(OutputStyle style) {
        {
            TerminalReporter reporter(writing_.get(), style, log_);
            reporter.note("baseline first");
            reporter.phase(0, "train, seed 1");
            reporter.progress({0.5, "loss 3.21"});
            reporter.progress({2.0, std::string(500, 'x')});
            Experiment kept;
            kept.verdict.decision = Decision::keep;
            kept.seconds = 65.4;
            kept.idea = "base\x1b[31mline\n";
            kept.trials.resize(1);
            kept.trials[0].ending = Ending::ok;
            kept.trials[0].val_bpb = 1.5;
            reporter.finished(kept);
            reporter.phase(1, "build");
            Experiment crash;
            crash.number = 1;
            crash.idea = "too deep";
            crash.verdict = {Decision::crash, Ending::out_of_memory, "asked for 90 GB", {}};
            reporter.finished(crash);
        }
        writing_.reset();
        std::string text(65536, '\0');
        const auto size = ::read(reading_.get(), text.data(), text.size());
        text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        return text;
    }

    TempDirectory directory_;
    std::filesystem::path log_ = directory_ / "harness.log";
    Fd reading_;
    Fd writing_;
};

const std::string kKept = "   0  baseline  1.500000          -         -      65 s  baseline\n";
const std::string kCrash =
    "   1  crash            -          -         -       0 s  too deep  (out_of_memory: asked for 90 GB)\n";

TEST_F(TerminalReporterTest, APipeGetsPlainLines) {
    const auto style = output_style(writing_.get());
    EXPECT_FALSE(style.terminal);
    EXPECT_FALSE(style.color);
    EXPECT_EQ(story(style),
              "baseline first\nexperiment 0: train, seed 1\n" + kKept + "experiment 1: build\n" + kCrash);
}

TEST_F(TerminalReporterTest, ATerminalGetsALineThatIsRewritten) {
    const auto text = story({true, false});
    EXPECT_THAT(text, HasSubstr("\rexperiment 0: train, seed 1\x1b[K"));
    EXPECT_THAT(text,
                HasSubstr("\rexperiment 0: train, seed 1  [==========          ]  50%  loss 3.21\x1b[K"));
    EXPECT_THAT(text, HasSubstr("[====================] 100%  xxx"));
    EXPECT_THAT(text, Not(HasSubstr(std::string(80, 'x'))));
    EXPECT_THAT(text, HasSubstr("\r\x1b[K" + kKept));
    EXPECT_THAT(text, Not(HasSubstr("\x1b[3")));
    EXPECT_TRUE(text.ends_with("\r\x1b[K" + kCrash));
}

TEST_F(TerminalReporterTest, ColorsTheDecision) {
    const auto text = story({true, true});
    EXPECT_THAT(text, HasSubstr("\x1b[32mbaseline\x1b[0m"));
    EXPECT_THAT(text, HasSubstr("\x1b[31mcrash  \x1b[0m"));
}

TEST_F(TerminalReporterTest, SecretsAreNotShown) {
    const std::map<std::string, std::string> keys = {
        {"A_KEY", "baseline first"}, {"B_KEY", "train, seed 1"}, {"C_KEY", "asked for 90 GB"}};
    for (const auto& [name, value] : keys) ::setenv(name.c_str(), value.c_str(), 1);
    const std::string text = story({true, false});
    for (const auto& [name, value] : keys) {
        ::unsetenv(name.c_str());
        for (const std::string& shown : {text, read_text(log_)}) {
            EXPECT_THAT(shown, ::testing::HasSubstr("[" + name + " removed]"));
            EXPECT_THAT(shown, ::testing::Not(::testing::HasSubstr(value)));
        }
    }
}

TEST_F(TerminalReporterTest, TheLogHasTimesAndNoColors) {
    story({true, true});
    const auto log = read_text(log_);
    const std::string time = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z ";
    EXPECT_THAT(log, MatchesRegex("(" + time + "[^\n]*\n){5}"));
    EXPECT_THAT(log, HasSubstr("Z baseline first\n"));
    EXPECT_THAT(log, HasSubstr("Z " + kCrash));
    EXPECT_THAT(log, Not(HasSubstr("\x1b")));
    EXPECT_THAT(log, Not(HasSubstr("loss 3.21")));
}

TEST_F(TerminalReporterTest, TheLogIsWrittenAtOnceAndAppended) {
    TerminalReporter first(writing_.get(), {}, log_);
    first.note("one");
    EXPECT_THAT(read_text(log_), HasSubstr("Z one\n"));
    TerminalReporter second(writing_.get(), {}, log_);
    second.note("two {}");
    EXPECT_THAT(read_text(log_), AllOf(HasSubstr("Z one\n"), HasSubstr("Z two {}\n")));
}

TEST_F(TerminalReporterTest, NowHasTheNumbersOfATrainingTrialOnly) {
    const auto file = log_.parent_path() / "now.json";
    const auto now = [&] { return nlohmann::json::parse(read_text(file)); };
    TerminalReporter reporter(writing_.get(), {}, log_, file);
    reporter.phase(3, "train, seed 2");
    EXPECT_EQ(now().at("stage"), "experiment 3: train, seed 2");
    EXPECT_TRUE(now().at("share").is_null() && now().at("step").is_null());
    ::usleep(600'000);  // at most twice a second
    reporter.progress({0.25, "step 7, loss 3.5", 7, 2, 3.5, 1200});
    EXPECT_EQ(now().at("share"), 0.25);
    EXPECT_EQ(now().at("step"), 7);
    EXPECT_EQ(now().at("seed"), 2);
    EXPECT_EQ(now().at("loss"), 3.5);
    EXPECT_EQ(now().at("tokens_per_second"), 1200);
    ::usleep(600'000);
    reporter.progress({1, "evaluating"});
    EXPECT_TRUE(now().at("step").is_null() && now().at("loss").is_null());
}

TEST_F(TerminalReporterTest, AClosedTerminalIsNoError) {
    TerminalReporter reporter(-1, {true, true}, log_);
    reporter.progress({0.1, "x"});
    reporter.note("goes on");
    EXPECT_THAT(read_text(log_), HasSubstr("goes on"));
}

TEST(OutputStyle, RespectsTheEnvironmentOfATerminal) {
    const Fd terminal(::posix_openpt(O_RDWR | O_NOCTTY));
    ASSERT_TRUE(terminal);
    ASSERT_EQ(::grantpt(terminal.get()), 0);
    ASSERT_EQ(::unlockpt(terminal.get()), 0);
    const Fd user(::open(::ptsname(terminal.get()), O_RDWR | O_NOCTTY));
    ASSERT_TRUE(user);
    const auto with = [&](const char* term, const char* no_color) {
        ::setenv("TERM", term, 1);
        ::setenv("NO_COLOR", no_color, 1);
        return output_style(user.get());
    };
    EXPECT_TRUE(with("xterm", "").terminal);
    EXPECT_TRUE(with("xterm", "").color);
    EXPECT_TRUE(with("xterm", "1").terminal);
    EXPECT_FALSE(with("xterm", "1").color);
    EXPECT_FALSE(with("dumb", "").terminal);
    EXPECT_FALSE(with("dumb", "").color);
    ::unsetenv("NO_COLOR");
}

TEST_F(TerminalReporterTest, TheLogIsTheProgramsAndSaysMoreWhenAsked) {
    const auto before = spdlog::get_level();
    for (const auto level : {spdlog::level::info, spdlog::level::debug}) {
        spdlog::set_level(level);
        const TerminalReporter reporter(writing_.get(), {}, log_);
        ProcessSpec spec;
        spec.command = {"/bin/sh", "-c", "exit 3"};
        run_process(spec, NeverStop());
        const std::string text = read_text(log_);
        EXPECT_EQ(text.find("/bin/sh -c exit 3") != std::string::npos, level == spdlog::level::debug) << text;
        EXPECT_EQ(text.find("ended: code 3,") != std::string::npos, level == spdlog::level::debug) << text;
    }
    spdlog::set_level(before);
}

}  // namespace
}  // namespace autoresearch

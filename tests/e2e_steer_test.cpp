// A run without a terminal, and the commands that steer it.

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <functional>

#include "e2e_fixture.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SteerE2e : public E2eTest {
  protected:
    ~SteerE2e() override { autoresearch("stop --now --tag e2e"); }

    /// Within a minute; the test fails otherwise.
    static void wait_for(const std::string& what, const std::function<bool()>& holds) {
        for (int i = 0; i < 600 && !holds(); ++i) ::usleep(100'000);
        EXPECT_TRUE(holds()) << what;
    }
    nlohmann::json now() const {
        return nlohmann::json::parse(read_text(repository / ".autoresearch/e2e/now.json"), nullptr, false);
    }
    bool is_at(const std::string& stage) const {
        const auto text = read_text(repository / ".autoresearch/e2e/now.json");
        return text.find(stage) != std::string::npos;
    }
    std::string log() const { return read_text(repository / ".autoresearch/e2e/harness.log"); }
};

TEST_F(SteerE2e, ADetachedRunIsWatchedPausedResumedAndStopped) {
    const Output started = autoresearch(run_line("--detach --agent tuner --budget 4"));
    ASSERT_EQ(started.code, 0) << started.err;
    EXPECT_THAT(started.out, HasSubstr("goes on in the background (pid "));
    EXPECT_EQ(autoresearch("run --tag e2e --detach").code, 2) << "it is already running";
    nlohmann::json training;
    wait_for("the baseline trains", [&] {
        const auto steps = [&] { return training.is_object() && training["step"].is_number(); };
        if (!steps()) training = now();
        return steps();
    });
    EXPECT_EQ(training.at("experiment"), 0);
    EXPECT_EQ(training.at("seed"), 1);
    EXPECT_GT(training.at("loss"), 0);
    EXPECT_GT(training.at("tokens_per_second"), 0);
    EXPECT_THAT(autoresearch("status").out, HasSubstr("now: experiment 0: train"));

    EXPECT_EQ(autoresearch("pause --tag e2e").code, 0);
    ::usleep(500'000);
    const auto paused = now();
    ::usleep(3'000'000);
    EXPECT_EQ(now(), paused);
    EXPECT_THAT(autoresearch("status").out, HasSubstr("; paused (pid "));
    EXPECT_EQ(autoresearch("resume --tag e2e").code, 0);
    wait_for("a first experiment begins", [&] { return is_at("\"experiment\":1"); });
    EXPECT_EQ(ledger().at(0)["verdict"]["decision"], "keep");

    EXPECT_EQ(autoresearch("stop --tag e2e").code, 0);
    const Output watched = sh("timeout 90 " + std::string(kBinary) + " status --follow --tag e2e");
    EXPECT_EQ(watched.code, 0);
    EXPECT_THAT(watched.out, HasSubstr("baseline"));
    EXPECT_THAT(watched.out, HasSubstr("to continue: autoresearch run --tag e2e"));
    EXPECT_THAT(log(), HasSubstr("the run ends: you stopped it"));
    EXPECT_FALSE(std::filesystem::exists(repository / ".autoresearch/e2e/now.json"));
    EXPECT_EQ(autoresearch("stop --tag e2e").code, 2) << "it is not running";
    expect_consistent(ledger().size());
}

TEST_F(SteerE2e, WhatCannotStartSaysSoBeforeItIsLeftAlone) {
    const Output refused = autoresearch(run_line("--detach --agent tuner --device mps"));
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err, HasSubstr("Metal (MPS) is not available here"));
    EXPECT_FALSE(std::filesystem::exists(repository / ".autoresearch/e2e"));
}

TEST_F(SteerE2e, AClosedTerminalIsSaid) {
    const Output run = sh("timeout -s HUP 20 " + std::string(kBinary) + " " + run_line("--agent tuner"));
    EXPECT_THAT(log(), HasSubstr("the run ends: the terminal was closed (SIGHUP)"));
    EXPECT_THAT(run.out, Not(HasSubstr("error")));
}

TEST_F(SteerE2e, AReachedBoundPrintsTheCommandThatGoesOn) {
    const Output run = autoresearch(run_line("--agent tuner --experiments 1"));
    EXPECT_THAT(run.out, HasSubstr("the run ends: --experiments 1 are done"));
    EXPECT_THAT(run.out, HasSubstr("to continue: autoresearch run --tag e2e --experiments 2\n"));
    EXPECT_THAT(run.out, HasSubstr("1 experiments: "));
}

TEST_F(SteerE2e, AStrangersProgramsNeedTrust) {
    std::ofstream(repository / "autoresearch.json") << R"({"agent": "touch ../ran; exit 0"})";
    const Output refused = autoresearch(run_line("--experiments 1"));
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err, HasSubstr("touch ../ran"));
    EXPECT_THAT(refused.err, HasSubstr("--trust"));
    EXPECT_FALSE(std::filesystem::exists(repository / ".autoresearch/e2e"));
}

}  // namespace
}  // namespace autoresearch

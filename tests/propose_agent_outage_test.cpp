// An agent that cannot work is told apart from one that gave nothing useful: by how it ended, never by words.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "proc/signals.h"
#include "propose/test_call.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
namespace fs = std::filesystem;

constexpr const char* kEdit = "echo '// more' >> train/train.cpp\n";

/// Programs of sh, named as real agents on PATH.
class OutageTest : public ::testing::Test {
  protected:
    void SetUp() override {
        path_ = std::getenv("PATH");
        ::setenv("PATH", ((directory_ / "bin").string() + ":" + path_).c_str(), 1);
        directory_.write("program.md", "The rules.\n");
        directory_.write("kit/include/autoresearch/session.h", "// session\n");
        directory_.write("kit/prepare/session/clock.cpp", "// clock\n");
        options_.desk = {directory_ / "desks", directory_ / "program.md", directory_ / "kit",
                         directory_ / "run/experiments"};
        options_.settings.agent_limit = 20;
        options_.settings.model = "m";
        options_.kill_grace = 0.2;
        incumbent_.verdict.decision = Decision::keep;
        history_ = {incumbent_};
    }
    void TearDown() override { ::setenv("PATH", path_.c_str(), 1); }

    void program(const std::string& agent, const std::string& text) {
        options_.agent = find_agent(read_agents(fs::path(TEST_SOURCE_DIR) / "configs/agents.json"), agent);
        fs::permissions(directory_.write("bin/" + agent, "#!/bin/sh\ncat >/dev/null\n" + text),
                        fs::perms(0755));
    }
    Answer propose(const std::string& agent, const std::string& text) {
        program(agent, text);
        AgentProposer proposer(options_, stop_);
        return proposer.propose(request());
    }
    ProposalRequest request() const { return {1, incumbent_, source_, history_, folder()}; }
    static void expect(const Answer& answer, Remedy remedy, const std::string& reason) {
        ASSERT_FALSE(answer.status.ok());
        EXPECT_EQ(answer.status.failure().reason, reason);
        EXPECT_EQ(static_cast<int>(answer.remedy), static_cast<int>(remedy)) << reason;
    }
    fs::path folder() const { return directory_ / "run/proposals/0001"; }

    TempDirectory directory_;
    std::string path_, source_ = "int main() {}\n";
    Experiment incumbent_;
    std::vector<Experiment> history_;
    AgentProposerOptions options_;
    NeverStop stop_;
};

TEST_F(OutageTest, AnExitCodeIsOneWhateverTheAgentSays) {
    for (const std::string words :
         {"hit your limit - resets 9am", "API Error: Unable to connect (ECONNRESET)",
          "503 Service Unavailable", "getaddrinfo EAI_AGAIN api.example.org", "Please run /login",
          "le quota est atteint"}) {
        expect(propose("claude", R"(echo '{"is_error":true,"result":")" + words + "\"}'; exit 1"),
               Remedy::wait, "the agent failed with exit code 1: " + words);
        expect(propose("cursor-agent", "echo '" + words + "' >&2; exit 7"), Remedy::wait,
               "the agent failed with exit code 7: " + words);
    }
    expect(
        propose(
            "gemini",
            R"(echo '{"session_id":"s","error":{"type":"ApiError","message":"reset after 13h"}}'; exit 1)"),
        Remedy::wait, "the agent failed with exit code 1: ApiError; reset after 13h");
    expect(propose("gemini",
                   R"(printf '[ERROR] {\n "error": {"type": "Quota", "message": "m"}\n}\n' >&2; exit 173)"),
           Remedy::wait, "the agent failed with exit code 173: Quota; m");
    expect(propose("claude", std::string(kEdit) + "echo half-way >&2; exit 1"), Remedy::wait,
           "the agent failed with exit code 1: half-way");
    EXPECT_EQ(static_cast<int>(propose("claude", "kill -SEGV $$").remedy), static_cast<int>(Remedy::wait));
}

TEST_F(OutageTest, SoIsAnErrorOfItsOwnWithExitCode0) {
    expect(propose("claude", R"(echo '{"is_error":true,"result":"fetch failed"}')"), Remedy::wait,
           "the agent failed: fetch failed");
    expect(propose("opencode",
                   R"(echo '{"type":"error","error":{"name":"APIError","data":{"message":"busy"}}}')"),
           Remedy::wait, "the agent failed: APIError; busy");
    expect(propose("aider", "echo litellm.RateLimitError: slow down"), Remedy::wait,
           "the agent's model did not answer: litellm.RateLimitError: slow down");
    expect(propose("codex", R"(echo '{"type":"error","message":"Reconnecting... 5/5"}')"), Remedy::wait,
           "the agent's model did not answer");
    const std::string answered =
        R"(echo '{"event":"message_send","properties":{"prompt_tokens":7,"cost":0}}' > .agent/usage.jsonl; )";
    expect(propose("aider", answered + "echo 'the rate limit is fine'"), Remedy::ask_again,
           "the agent left train.cpp unchanged; it said: \"the rate limit is fine\"");
    EXPECT_TRUE(propose("aider", kEdit).status.ok()) << "an edit is an edit";
}

TEST_F(OutageTest, SilenceUntilTheLimitIsOneToo) {
    options_.settings.agent_limit = 0.5;
    expect(propose("claude", "sleep 1000"), Remedy::wait, "the agent took longer than 0.5 s");
    expect(propose("claude", "trap '' TERM; sleep 1000"), Remedy::wait, "the agent took longer than 0.5 s");
    expect(propose("claude", "echo thinking; sleep 1000"), Remedy::ask_again,
           "the agent took longer than 0.5 s: thinking");
    expect(propose("claude", "echo thinking >&2; sleep 1000"), Remedy::ask_again,
           "the agent took longer than 0.5 s: thinking");
    expect(propose("claude", kEdit + std::string("sleep 1000")), Remedy::ask_again,
           "the agent took longer than 0.5 s");
    expect(propose("codex", R"(echo '{"type":"thread.started","thread_id":"t"}'; sleep 1000)"), Remedy::wait,
           "the agent took longer than 0.5 s");
}

TEST_F(OutageTest, WhoWorkedAndGaveNothingIsAskedAgainWhateverItQuotes) {
    for (const std::string words :
         {"train/train.cpp:401:9: error: expected ;", "usage limit reached", "401", "429"}) {
        expect(propose("claude", "echo '" + words + "'"), Remedy::ask_again,
               "the agent left train.cpp unchanged; it said: \"" + words + "\"");
        expect(propose("mini", "echo '" + words + "'"), Remedy::ask_again,
               "the agent left train.cpp unchanged; it said: \"" + words + "\"");
    }
    const std::string plain = R"(echo '{"is_error":false,"result":"no better idea"}')";
    for (const std::string aside : {"warning: rate limit of telemetry lowered", "401 Unauthorized",
                                    R"({"is_error":true,"result":"overloaded","total_cost_usd":9})"}) {
        const Answer answer = propose("claude", "echo '" + aside + "' >&2; " + plain);
        expect(answer, Remedy::ask_again, "the agent left train.cpp unchanged; it said: \"no better idea\"");
        EXPECT_EQ(answer.proposal.agent.usd, 0) << aside;
        EXPECT_TRUE(propose("claude", kEdit + ("echo '" + aside + "' >&2; ") + plain).status.ok()) << aside;
    }
    EXPECT_THAT(read_text(folder() / "agent.err"), HasSubstr("rate limit of telemetry"));
    EXPECT_THAT(read_text(folder() / "agent.log"), Not(HasSubstr("rate limit of telemetry")));
}

TEST_F(OutageTest, AProgramThatCannotRunNeedsAPerson) {
    EXPECT_EQ(static_cast<int>(propose("claude", "exit 127").remedy), static_cast<int>(Remedy::install));
    EXPECT_EQ(static_cast<int>(propose("claude", "exit 126").remedy), static_cast<int>(Remedy::install));
    program("claude", "");
    fs::remove(directory_ / "bin/claude");
    options_.agent.command = {{"no-such-agent-program"}};
    const Answer gone = AgentProposer(options_, stop_).propose(request());
    expect(gone, Remedy::install,
           "cannot start no-such-agent-program: no such program, or no right to run it");
}

TEST_F(OutageTest, AfterItTheQuestionIsTheSameAgain) {
    program("claude", R"(
if [ -e )" + (directory_ / "back").string() +
                          R"( ]; then cat train/train.cpp; echo "$@"; exit 0; fi
echo half >> train/train.cpp; echo half > idea.txt; echo '{"is_error":true,"result":"busy","session_id":"s1"}'; exit 1)");
    AgentProposer proposer(options_, stop_);
    EXPECT_FALSE(proposer.propose(request()).status.ok());
    directory_.write("back", "");
    expect(proposer.propose(request()), Remedy::ask_again,
           "the agent left train.cpp unchanged; it said: \"-p "
           "--output-format json --model m --permission-mode acceptEdits --tools Read,Edit,Write,Grep,Glob "
           "--strict-mcp-config\"");
    const std::string prompts = read_text(folder() / "prompt.md");
    EXPECT_NE(prompts.find("The rules."), prompts.rfind("The rules."));
}

TEST_F(OutageTest, ARepairAfterItFindsTheRejectedEditAndItsIdea) {
    program(
        "claude",
        "[ -e " + (directory_ / "back").string() +
            " ] || { echo half >> train/train.cpp; rm idea.txt; exit 1; }; echo fixed >> train/train.cpp");
    AgentProposer proposer(options_, stop_);
    Proposal rejected;
    rejected.source = source_ + "wrong\n";
    rejected.idea = "what";
    const Failure failure{Ending::build_failed, "line 2: wrong"};
    auto repair = request();
    repair.rejected = &rejected;
    repair.rejection = &failure;
    EXPECT_FALSE(proposer.propose(repair).status.ok());
    directory_.write("back", "");
    const Answer fixed = proposer.propose(repair);
    ASSERT_TRUE(fixed.status.ok());
    EXPECT_EQ(fixed.proposal.source, source_ + "wrong\nfixed\n");
    EXPECT_EQ(fixed.proposal.idea, "what");
}

TEST_F(OutageTest, ACostBehindAnEscapeIsCounted) {
    const Answer answer = propose(
        "claude",
        kEdit +
            std::string(
                R"(printf '\033]0;x\007{"result":"ok","total_cost_usd":5,"usage":{"input_tokens":9}}\n')"));
    ASSERT_TRUE(answer.status.ok());
    EXPECT_EQ(answer.proposal.agent.usd, 5);
    EXPECT_EQ(answer.proposal.agent.tokens, 9);
    EXPECT_EQ(answer.said, "ok");
    EXPECT_EQ(answer.exit_code, 0);
}

TEST_F(OutageTest, ATestCallIsARealOne) {
    fs::create_directories(directory_ / "call");
    const auto call = [&](const std::string& text) {
        program("claude", text);
        return make_test_call(options_, source_, directory_ / "call", stop_);
    };
    const Answer good =
        call(kEdit +
             std::string(R"(echo test > idea.txt; ls >&2; echo '{"result":"done","total_cost_usd":0.5}')"));
    ASSERT_TRUE(good.status.ok());
    EXPECT_EQ(good.proposal.source, source_ + "// more\n");
    EXPECT_EQ(good.proposal.idea, "test");
    EXPECT_EQ(good.proposal.agent.usd, 0.5);
    EXPECT_EQ(good.said, "done");
    const std::string prompt = read_text(directory_ / "call/prompt.md");
    EXPECT_THAT(prompt, StartsWith("The rules.\n\n## This is only a test"));
    EXPECT_THAT(prompt, HasSubstr("Make one edit to train/train.cpp now"));
    EXPECT_THAT(read_text(directory_ / "call/agent.err"), HasSubstr("check\n"));
    const Answer bad = call("echo 'not logged in' >&2; exit 3");
    EXPECT_FALSE(bad.status.ok());
    EXPECT_EQ(bad.exit_code, 3);
    EXPECT_EQ(bad.said, "not logged in");
    EXPECT_TRUE(fs::is_empty(directory_ / "call/desks"));
}

}  // namespace
}  // namespace autoresearch

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "propose/agent_output.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::filesystem::path kShipped = std::filesystem::path(TEST_SOURCE_DIR) / "configs" / "agents.json";

AgentOutput read(const std::string& agent, const std::string& log, const std::string& file = "") {
    return read_output(find_agent(read_agents(kShipped), agent).output, log, file);
}

void expect(const AgentOutput& output, const std::string& message, const std::string& session,
            std::int64_t tokens, double usd) {
    EXPECT_EQ(output.message, message);
    EXPECT_EQ(output.session, session);
    EXPECT_EQ(output.tokens, tokens);
    EXPECT_DOUBLE_EQ(output.usd, usd);
    EXPECT_EQ(output.error, "");
}

// Each agent's output as its makers document it, with lines of its stderr in between.

TEST(AgentOutput, Claude) {
    expect(read("claude", R"(warning: no hooks
{"type":"result","subtype":"success","is_error":false,"result":"Done.","session_id":"abc","total_cost_usd":0.25,"usage":{"input_tokens":10,"cache_creation_input_tokens":200,"cache_read_input_tokens":3000,"output_tokens":40}}
)"),
           "Done.", "abc", 3250, 0.25);
    const auto refused = read(
        "claude",
        R"({"subtype":"success","is_error":true,"api_error_status":429,"result":"You've hit your limit · resets 3:45pm","session_id":"abc","total_cost_usd":0,"errors":["a","b"]})");
    EXPECT_EQ(refused.error, "success; 429; a; b; You've hit your limit · resets 3:45pm");
}

TEST(AgentOutput, Codex) {
    const std::string log = R"({"type":"thread.started","thread_id":"0199"}
{"type":"turn.started"}
{"type":"error","message":"Reconnecting... 2/5"}
2026-11-22T10:00:00Z WARN codex: 429 seen
{"type":"item.completed","item":{"id":"1","type":"agent_message","text":"First."}}
{"type":"item.completed","item":{"id":"2","type":"command_execution","text":"no message"}}
{"type":"item.completed","item":{"id":"3","type":"agent_message","text":"Halved the batch."}}
{"type":"turn.completed","usage":{"input_tokens":1000,"cached_input_tokens":900,"output_tokens":50,"reasoning_output_tokens":20}}
)";
    expect(read("codex", log), "Halved the batch.", "0199", 1050, 0);
    EXPECT_EQ(read("codex", log).plain, "2026-11-22T10:00:00Z WARN codex: 429 seen\n");
    EXPECT_EQ(
        read("codex", R"({"type":"turn.failed","error":{"message":"Quota exceeded. Check your plan."}})")
            .error,
        "Quota exceeded. Check your plan.");
}

TEST(AgentOutput, GeminiOverSeveralLines) {
    const auto output = read("gemini", R"(Loaded cached credentials.
{
  "session_id": "s",
  "response": "Done { not } more.",
  "stats": {"models": {"gemini-2.5-pro": {"tokens": {"prompt": 5, "total": 70}}, "flash": {"tokens": {"total": 30}}}}
}
[ERROR] late words
)");
    expect(output, "Done { not } more.", "s", 100, 0);
    EXPECT_EQ(output.plain, "Loaded cached credentials.\n[ERROR] late words\n");
    EXPECT_EQ(
        read("gemini", "[ERROR] {\n{\n \"error\": {\"type\": \"TerminalQuotaError\", \"message\": \"m\"}\n}")
            .error,
        "TerminalQuotaError; m");
}

TEST(AgentOutput, Opencode) {
    expect(read("opencode", R"({"type":"step_start","sessionID":"ses_1","part":{}}
{"type":"text","sessionID":"ses_1","part":{"text":"Thinking"}}
{"type":"step_finish","sessionID":"ses_1","part":{"cost":0.01,"tokens":{"input":1,"output":2,"reasoning":3,"cache":{"read":4,"write":5}}}}
{"type":"text","sessionID":"ses_1","part":{"text":"Ready"}}
{"type":"step_finish","sessionID":"ses_1","part":{"cost":0.02,"tokens":{"input":10,"output":20}}}
)"),
           "Ready", "ses_1", 45, 0.03);
    EXPECT_EQ(
        read("opencode", R"({"type":"error","error":{"name":"APIError","data":{"message":"overloaded"}}})")
            .error,
        "APIError; overloaded");
}

TEST(AgentOutput, CopilotCursorQwenGoose) {
    expect(read("copilot", R"({"type":"assistant.message","data":{"content":"Hm","outputTokens":3}}
{"type":"assistant.message","data":{"content":"Edited","outputTokens":4}}
{"type":"result","sessionId":"c1","exitCode":0,"usage":{"premiumRequests":1}})"),
           "Edited", "c1", 7, 0);
    expect(
        read(
            "cursor-agent",
            R"({"type":"result","is_error":false,"result":"ok","session_id":"u","usage":{"inputTokens":1,"outputTokens":2}})"),
        "ok", "u", 3, 0);
    const std::string qwen =
        R"({"type":"system"},{"type":"result","is_error":false,"result":"fine","session_id":"q","usage":{"input_tokens":8,"output_tokens":9}})";
    expect(read("qwen", "[" + qwen + "]"), "fine", "q", 17, 0);
    expect(read("goose", R"({
 "messages":[{"role":"user","content":[{"type":"text","text":"do"}]},
  {"role":"assistant","content":[{"type":"text","text":"did"}]}],
 "metadata":{"status":"completed","input_tokens":5,"output_tokens":6,"cost_usd":0.5}
})"),
           "did", "", 11, 0.5);
}

TEST(AgentOutput, FilesOfAiderAndMini) {
    const auto aider = read("aider", R"(learning rate limit raised
train.cpp
litellm.InternalServerError: x
Applied edit to train.cpp
)",
                            R"({"event":"launched","properties":{}}
{"event":"message_send","properties":{"prompt_tokens":100,"completion_tokens":10,"cost":0.5,"total_cost":0.5}}
{"event":"message_send","properties":{"prompt_tokens":200,"completion_tokens":20,"cost":0.25,"total_cost":0.75}}
)");
    expect(aider, "Applied edit to train.cpp", "", 330, 0.75);
    EXPECT_EQ(aider.plain, "litellm.InternalServerError: x\n");
    const std::string mini =
        R"({
 "info":{"exit_status":"Submitted","submission":"yes","model_stats":{"instance_cost":0.1}},
 "messages":[{"role":"user"},{"extra":{"response":{"usage":{"prompt_tokens":7,"completion_tokens":1}}}}]
})";
    expect(read("mini", "noise", mini), "yes", "", 8, 0.1);
    EXPECT_EQ(read("mini", "", R"({"info":{"exit_status":"LimitsExceeded"}})").error, "LimitsExceeded");
}

TEST(AgentOutput, ACommandOfTheUsersIsPlainText) {
    const auto output = read_output({}, "{\"result\":\"no\"}\nShall I go on?\n\n", "");
    EXPECT_EQ(output.message, "Shall I go on?");
    EXPECT_THAT(output.plain, HasSubstr("{\"result\""));
}

TEST(AgentOutput, ValuesOfTheWrongKindAreNone) {
    const auto output = read(
        "claude",
        R"({"result":["x"],"session_id":7,"total_cost_usd":"much","usage":{"input_tokens":-5,"output_tokens":null}}
{"total_cost_usd":1e999}
[[[
{)");
    expect(output, "{", "", 0, 0);
}

TEST(AgentOutput, WhatIsNestedTooDeeplyIsPlainText) {
    const std::string deep = "[" + std::string(200'000, '[') + std::string(200'000, ']') + "]";
    EXPECT_EQ(read("codex", deep + "\n").message, deep);
}

TEST(AgentOutput, AFloodIsReadInNoTime) {
    std::string flood;
    for (int i = 0; i < 1000000; ++i) flood += "[\n{\n";
    EXPECT_EQ(read("codex", flood).message, "{");
}

TEST(AgentTrouble, KnownWordsAreNamed) {
    const auto reason = [](const std::string& text) {
        const auto trouble = agent_trouble(text);
        return trouble ? trouble->reason : "none";
    };
    EXPECT_THAT(reason("ok\nYou\xe2\x80\x99ve hit your usage limit. Try again at 4:45 PM.\n"),
                StartsWith("usage limit: You\xe2\x80\x99ve hit"));
    EXPECT_THAT(reason("litellm.AuthenticationError: no key"), StartsWith("not logged in: "));
    EXPECT_THAT(reason("exceeded retry limit, last status: 429 Too Many Requests"),
                StartsWith("server busy: "));
    for (const char* line : {"HTTP 429 insufficient_quota", "You've hit your Opus limit", "Quota exceeded.",
                             "Credit balance is too low", "Monthly usage limit reached"}) {
        EXPECT_THAT(reason(line), StartsWith("usage limit: ")) << line;
    }
    EXPECT_THAT(reason("status=529"), StartsWith("server busy: "));
    EXPECT_EQ(reason("process 14290 ended\nall is well"), "none");
    EXPECT_EQ(reason(std::string(200000, 'a')), "none");
    EXPECT_EQ(agent_trouble("429, try again in 20s")->wait, 20);
    EXPECT_EQ(agent_trouble("401")->remedy, Remedy::person);
    EXPECT_EQ(agent_trouble("429")->remedy, Remedy::wait);
}

class ResetTime : public ::testing::Test {
  protected:
    void SetUp() override {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
    }
    void TearDown() override {
        ::unsetenv("TZ");
        ::tzset();
    }
    // 2026-11-22 15:00:00 UTC
    static double in(const std::string& message) { return seconds_until_reset(message, 1795359600); }
};

TEST_F(ResetTime, Durations) {
    EXPECT_EQ(in("Rate limit reached. Please try again in 20s."), 20);
    EXPECT_EQ(in("try again in 1.5 minutes"), 90);
    EXPECT_EQ(in("Please retry in 2h5m3s"), 7503);
    EXPECT_EQ(in("resets in 2 days, 3 hours and 1 min"), 183660);
    EXPECT_DOUBLE_EQ(in("try again in 250ms"), 0.25);
    EXPECT_EQ(in("Retry-After: 30"), 30);
    EXPECT_EQ(in(R"({"retry_after": 12, "x": 99})"), 12);
    EXPECT_EQ(in("nothing of the kind in 20 words"), 0);
    EXPECT_EQ(in("retry in " + std::string(400, '9') + " days"), 366 * 86400) << "such a number is infinite";
}

TEST_F(ResetTime, ClockTimes) {
    constexpr double kMargin = 60, kHour = 3600, kDay = 24 * kHour;
    EXPECT_EQ(in("You've hit your limit · resets 3:45pm (UTC)"), 45 * 60 + kMargin);
    EXPECT_EQ(in("resets 8am"), 17 * kHour + kMargin) << "tomorrow";
    EXPECT_EQ(in("resets 12am"), 9 * kHour + kMargin);
    EXPECT_EQ(in("try again at 4:45 PM."), 1.75 * kHour + kMargin);
    EXPECT_EQ(in("resets Nov 24, 8am"), 2 * kDay - 7 * kHour + kMargin);
    EXPECT_EQ(in("try again at Nov 25th, 2026 4:45 PM."), 3 * kDay + 1.75 * kHour + kMargin);
    EXPECT_EQ(in("resets Jan 1, 3pm"), 40 * kDay + kMargin) << "next year";
    EXPECT_EQ(in("available at 16:30"), 1.5 * kHour + kMargin);
    EXPECT_EQ(in("resets Foo 1, 3pm"), 0);
    EXPECT_EQ(in("try again at 4"), 0);
}

TEST_F(ResetTime, ClockTimesOfAnotherZone) {
    if (!std::filesystem::exists("/usr/share/zoneinfo/Europe/Paris"))
        GTEST_SKIP() << "no time zones installed";
    constexpr double kMargin = 60, kHour = 3600;
    EXPECT_EQ(in("resets 5pm (Europe/Paris)"), kHour + kMargin) << "it is 4 pm there";
    EXPECT_EQ(in("resets 3pm (Europe/Paris)"), 23 * kHour + kMargin);
    EXPECT_EQ(in("resets Nov 24, 8am (Europe/Paris)"), 40 * kHour + kMargin);
    EXPECT_EQ(in("resets 8am (America/Los_Angeles)"), kHour + kMargin) << "it is 7 am there";
    EXPECT_EQ(in("resets 6:30pm (Asia/Kathmandu)"), 21.75 * kHour + kMargin) << "it is 8:45 pm there";
    EXPECT_EQ(in("resets 4pm (UTC)"), kHour + kMargin) << "and here nothing has changed";
    ::setenv("TZ", "America/New_York", 1);
    EXPECT_EQ(in("resets 5pm (Europe/Paris)"), kHour + kMargin);
    EXPECT_EQ(in("resets 11am"), kHour + kMargin) << "it is 10 am here";
}

TEST_F(ResetTime, AZoneThatNobodyKnowsIsAskedAboutEveryHour) {
    EXPECT_EQ(in("resets 8pm (Middle/Earth)"), 3600);
    EXPECT_EQ(in("resets 3:10pm (Middle/Earth)"), 660) << "as if it were here";
}

}  // namespace
}  // namespace autoresearch

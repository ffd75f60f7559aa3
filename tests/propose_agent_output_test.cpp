#include <gtest/gtest.h>

#include "propose/agent_output.h"

namespace autoresearch {
namespace {

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

constexpr const char* kResult =
    R"({"type":"result","result":"Done.","session_id":"abc","total_cost_usd":5,"usage":{"input_tokens":9}})";

TEST(AgentOutput, WhatStandsBeforeTheJsonDoesNotHideIt) {
    for (const std::string before : {"",
                                     "\x1b]0;x\a",
                                     "\x1b]0;x\x1b\\",
                                     "\x1b]0;{no title\a",
                                     "\x1b]0;without an end",
                                     "\x1b[?25h",
                                     "\x1b[1;31m",
                                     "\x1b(B",
                                     "\x1bP{1}\x1b\\",
                                     "\x1b",
                                     "\xef\xbb\xbf",
                                     "\r| \r/ \r",
                                     "claude 2.1: ",
                                     "[INFO] ",
                                     "[1, 2] {3} ",
                                     "{loading ",
                                     "[loading ",
                                     "say \"hi ",
                                     "{\"cut\": \"off\n",
                                     "\0"})
        for (const std::string after : {"", "\n", "\r\n", "\x1b[0m\n", " took 3 s\n", "{\n"})
            expect(read("claude", before + kResult + after), "Done.", "abc", 9, 5);
    expect(read("claude", "\xef\xbb\xbf{\r\n \"result\": \"Done.\",\r\n \"total_cost_usd\": 5\r\n}\r\n"),
           "Done.", "", 0, 5);
    expect(read("claude", "\x1b[1m{\x1b[0m\"result\":\x1b[32m\"Done.\"\x1b[0m,\"total_cost_usd\":5}"),
           "Done.", "", 0, 5);
}

TEST(AgentOutput, HalfACharacterDoesNotSpoilTheRest) {
    const auto with = [](const std::string& text) {
        return read("claude", "{\"result\":\"" + text + "\",\"total_cost_usd\":5}");
    };
    EXPECT_EQ(with("caf\xe9").usd, 5);
    EXPECT_EQ(with("cut \\ud83d").usd, 5);
    EXPECT_EQ(with("cut \\uDE00 more").message, "cut ?? more");
    EXPECT_EQ(with("a \\\\ud83d path").message, "a \\ud83d path");
    EXPECT_EQ(with("\\ud83d\\ude00").message, "\xf0\x9f\x98\x80");
}

TEST(AgentOutput, WhatAnAgentQuotesIsNotWhatItSays) {
    const auto quotes = [](const std::string& text) { return read("claude", text + "\n" + kResult).error; };
    EXPECT_EQ(quotes("train/train.cpp:401:9: error: expected ;"), "");
    EXPECT_EQ(quotes(R"(the server said {"is_error":true,"result":"overloaded"})"), "");
    EXPECT_EQ(read("claude", R"({"is_error":false,"result":"it said {\"is_error\":true,\"result\":\"no\"}"})")
                  .error,
              "");
    EXPECT_EQ(read("opencode", R"({"type":"error","error":{"name":"APIError"}}
{"type":"text","part":{"text":"Ready"}})")
                  .error,
              "")
        << "it went on";
}

}  // namespace
}  // namespace autoresearch

// The real aider and the real Codex CLI, as `autoresearch run` starts them, against a stand-in for the model
// server: a good edit, no edit, a usage limit, a hang and a refused login are told apart.
// scripts/agents-venv installs the two.

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "e2e_fixture.h"
#include "http_server.h"
#include "tiny_trainer.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

enum class Model { edits, talks, has_no_quota, hangs, knows_nobody };

class RealAgents : public E2eTest {
  protected:
    void SetUp() override {
        if (!fs::exists(fs::path(kAgents) / "aider") || !fs::exists(fs::path(kAgents) / "codex"))
            GTEST_SKIP() << "no aider and Codex CLI in " << kAgents << ": scripts/agents-venv installs them";
        E2eTest::SetUp();
        write_file(repository / "train/train.cpp", kTinyTrainer);
        sh("git commit -q -a --amend -m start");
    }
    void TearDown() override { over_ = true; }

    Output run(const std::string& environment, const std::string& arguments) const {
        return sh("PATH='" + std::string(kAgents) + "':\"$PATH\" " + environment + " " + kBinary + " " +
                  run_line("--budget 1 --confirm none --confirm-seeds 0 --repairs 0 --agent-limit 45 " +
                           arguments));
    }
    /// Which experiment a request is about, as its prompt says.
    static int experiment_of(const std::string& body) {
        const std::string words = "This is experiment ";
        const auto at = body.rfind(words);
        return at == std::string::npos ? 0 : std::stoi(body.substr(at + words.size()));
    }
    /// What the model does in this experiment. It edits when it is asked again after a spent quota.
    Model behaviour(int experiment) {
        if (refuses_) return Model::knows_nobody;
        const Model behaviours[] = {Model::talks, Model::edits, Model::talks, Model::has_no_quota,
                                    Model::hangs};
        const Model model = behaviours[experiment];
        if (model == Model::has_no_quota && quota_is_back()) return Model::edits;
        return model;
    }
    bool quota_is_back() const {
        return read_text(repository / ".autoresearch/e2e/harness.log").find("usage limit: ") !=
               std::string::npos;
    }
    HttpServer::Reply hang() const {
        while (!over_) std::this_thread::sleep_for(std::chrono::milliseconds(50));
        return {503};
    }
    static HttpServer::Reply error(int status, const std::string& code, const std::string& message) {
        return {status,
                {"Content-Type: application/json"},
                json{{"error", {{"message", message}, {"type", code}, {"code", code}}}}.dump()};
    }
    void expect_each_told_apart(const Output& run) const {
        ASSERT_EQ(run.code, 0) << run.out << run.err;
        const auto lines = ledger();
        ASSERT_EQ(lines.size(), 5U) << run.out;
        const char* endings[] = {"ok", "ok", "no_proposal", "ok", "no_proposal"};
        const char* reasons[] = {"", "", "changed nothing", "", "took longer than 45 s"};
        for (std::size_t i = 1; i < 5; ++i) {
            EXPECT_EQ(lines[i]["verdict"]["ending"], endings[i]) << lines[i].dump(1);
            EXPECT_NE(lines[i]["verdict"]["reason"].get<std::string>().find(reasons[i]), std::string::npos)
                << lines[i]["verdict"].dump();
        }
        for (const std::size_t edited : {1, 3}) {
            EXPECT_GT(lines[edited]["agent"]["tokens"], 1000) << lines[edited]["agent"].dump();
            EXPECT_EQ(lines[edited]["idea"], "less smoothing");
            EXPECT_EQ(lines[edited]["agent"]["ignored_files"], json::array());
        }
        EXPECT_TRUE(quota_is_back()) << "the limit is in the log";
        EXPECT_EQ(lines[3]["agent"]["calls"], 2);
        expect_consistent(5);
    }
    void expect_login_told(const Output& run) const {
        EXPECT_EQ(run.code, 1) << run.out << run.err;
        EXPECT_NE(run.out.find("the agent cannot work: not logged in: "), std::string::npos) << run.out;
        EXPECT_EQ(ledger().size(), 5U);
    }

    static constexpr const char* kAgents = TEST_SOURCE_DIR "/build/agents/bin";
    std::atomic<bool> over_ = false, refuses_ = false;
};

class Aider : public RealAgents {
  protected:
    HttpServer::Reply answer(const HttpServer::Request& request) {
        const int experiment = experiment_of(request.body);
        switch (behaviour(experiment)) {
            case Model::edits:
                return chat(
                    "train/train.cpp\n```cpp\n<<<<<<< SEARCH\nint main(int argc, char** argv) {\n=======\n"
                    "// try " +
                    std::to_string(experiment) + "\nconstexpr double LESS_" + std::to_string(experiment) +
                    " = SMOOTHING / " + std::to_string(experiment + 1) +
                    ";\nint main(int argc, char** argv) {\n>>>>>>> REPLACE\n```\n\n"
                    "idea.txt\n```\n<<<<<<< SEARCH\n=======\nless smoothing\n>>>>>>> REPLACE\n```\n");
            case Model::talks:
                return chat("There is nothing left that could be better.");
            case Model::has_no_quota:
                return error(429, "insufficient_quota",
                             "You exceeded your current quota, please check your plan. Try again in 2s.");
            case Model::hangs:
                return hang();
            case Model::knows_nobody:
                return error(401, "invalid_api_key", "Incorrect API key provided: k.");
        }
        return {500};
    }
    static HttpServer::Reply chat(const std::string& text) {
        const json body = {
            {"id", "1"},
            {"object", "chat.completion"},
            {"created", 1},
            {"model", "stub"},
            {"choices",
             {{{"index", 0},
               {"finish_reason", "stop"},
               {"message", {{"role", "assistant"}, {"content", text}}}}}},
            {"usage", {{"prompt_tokens", 2000}, {"completion_tokens", 50}, {"total_tokens", 2050}}}};
        return {200, {"Content-Type: application/json"}, body.dump()};
    }
};

TEST_F(Aider, EditsAndFailuresAreToldApart) {
    HttpServer server([this](const auto& request) { return answer(request); });
    const std::string environment = "OPENAI_API_KEY=k OPENAI_API_BASE=" + server.url("/v1");
    const std::string agent = "--agent aider --model openai/stub ";
    expect_each_told_apart(run(environment, agent + "--experiments 4"));
    refuses_ = true;
    expect_login_told(run(environment, agent + "--experiments 5"));
    over_ = true;
}

class Codex : public RealAgents {
  protected:
    HttpServer::Reply answer(const HttpServer::Request& request) {
        const int experiment = experiment_of(request.body);
        switch (behaviour(experiment)) {
            case Model::edits: {
                if (request.body.find("function_call_output") != std::string::npos)
                    return events(words("Done."));
                const std::string command =
                    "sed -i 's/^int main/constexpr int TRY_" + std::to_string(experiment) + " = " +
                    std::to_string(experiment) +
                    ";\\nint main/' train/train.cpp && echo less smoothing > idea.txt";
                return events({{"type", "function_call"},
                               {"call_id", "1"},
                               {"name", "exec_command"},
                               {"arguments", json{{"cmd", command}}.dump()}});
            }
            case Model::talks:
                return events(words("There is nothing left that could be better."));
            case Model::has_no_quota:
                return error(429, "insufficient_quota", "You exceeded your current quota.");
            case Model::hangs:
                return hang();
            case Model::knows_nobody:
                return error(401, "invalid_api_key", "Incorrect API key provided: k.");
        }
        return {500};
    }
    static json words(const std::string& text) {
        return {{"type", "message"},
                {"role", "assistant"},
                {"content", {{{"type", "output_text"}, {"text", text}}}}};
    }
    static HttpServer::Reply events(const json& item) {
        const json usage = {{"input_tokens", 2000},
                            {"input_tokens_details", nullptr},
                            {"output_tokens", 50},
                            {"output_tokens_details", nullptr},
                            {"total_tokens", 2050}};
        std::string body;
        for (const json& event :
             {json{{"type", "response.created"}, {"response", {{"id", "r"}}}},
              json{{"type", "response.output_item.done"}, {"item", item}},
              json{{"type", "response.completed"}, {"response", {{"id", "r"}, {"usage", usage}}}}}) {
            body += "event: " + event["type"].get<std::string>() + "\ndata: " + event.dump() + "\n\n";
        }
        return {200, {"Content-Type: text/event-stream"}, body};
    }
};

TEST_F(Codex, EditsAndFailuresAreToldApart) {
    HttpServer server([this](const auto& request) { return answer(request); });
    // Its sandbox does not work with a home below /tmp, where this checkout may be.
    const char* user_home = std::getenv("HOME");
    if (user_home == nullptr || std::string(user_home).starts_with("/tmp"))
        GTEST_SKIP() << "Codex needs a HOME that is not in /tmp";
    const fs::path codex_home =
        fs::path(user_home) / ".cache" / ("autoresearch-test-codex-" + std::to_string(::getpid()));
    fs::create_directories(codex_home);
    const std::string environment = "CODEX_API_KEY=k CODEX_HOME='" + codex_home.string() + "'";
    write_file(codex_home / "config.toml",
               "model_provider = \"stub\"\n[model_providers.stub]\nname = \"stub\"\nbase_url = \"" +
                   server.url("/v1") + "\"\nenv_key = \"CODEX_API_KEY\"\nwire_api = \"responses\"\n");
    const std::string agent = "--agent codex --model stub ";
    expect_each_told_apart(run(environment, agent + "--experiments 4"));
    refuses_ = true;
    expect_login_told(run(environment, agent + "--experiments 5"));
    over_ = true;
    fs::remove_all(codex_home);
}

}  // namespace
}  // namespace autoresearch

// The real aider and the real Codex CLI, as `autoresearch run` starts them, against a stand-in for the model
// server: a good edit, no edit, an edit that does not compile and outages (a usage limit, a hang, a refused
// login) are told apart, and the run goes on after each. scripts/agents-venv installs the two.

#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "e2e_fixture.h"
#include "http_server.h"
#include "tiny_trainer.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

enum class Model { edits, talks, breaks_then_mends, has_no_quota, hangs, knows_nobody };

constexpr const char* kBroken = "this is no C++;";
constexpr const char* kRejected = "Your last answer cannot be used";

bool contains(const std::string& text, const std::string& words) {
    return text.find(words) != std::string::npos;
}

class RealAgents : public E2eTest {
  protected:
    void SetUp() override {
        if (!fs::exists(fs::path(kAgents) / "aider") || !fs::exists(fs::path(kAgents) / "codex"))
            GTEST_SKIP() << "no aider and Codex CLI in " << kAgents << ": scripts/agents-venv installs them";
        E2eTest::SetUp();
        write_file(repository / "train/train.cpp", kTinyTrainer);
        sh("git commit -q -a --amend -m start");
        fs::create_directories(agents_home_);
    }
    void TearDown() override { fs::remove_all(agents_home_); }

    /// The model's answer to a request that it does not refuse: an edit that replaces `before` by `after`, or
    /// words without an edit.
    virtual HttpServer::Reply edit(const json& request, const std::string& before,
                                   const std::string& after) = 0;
    virtual HttpServer::Reply say(const std::string& words) = 0;

    HttpServer::Reply answer(const HttpServer::Request& request) {
        const bool mends = contains(request.body, kRejected);
        if (mends) {
            const std::lock_guard lock(mutex_);
            rejected_request_ = request.body;
        }
        const std::string line = "constexpr int TRY_" + std::to_string(try_) + " = 1;";
        const json body = json::parse(request.body, nullptr, false);
        switch (model_) {
            case Model::edits:
                return edit(body, kMain, line + "\n" + kMain);
            case Model::talks:
                return say("There is nothing left that could be better.");
            case Model::breaks_then_mends:
                return mends ? edit(body, kBroken, line)
                             : edit(body, kMain, kBroken + std::string("\n") + kMain);
            case Model::has_no_quota:
                return error(429, "insufficient_quota", "You exceeded your current quota, check your plan.");
            case Model::hangs:
                while (model_ == Model::hangs) std::this_thread::sleep_for(std::chrono::milliseconds(50));
                return {503};
            case Model::knows_nobody:
                return error(401, "invalid_api_key", "Incorrect API key provided: k.");
        }
        return {500};
    }
    static HttpServer::Reply error(int status, const std::string& code, const std::string& message) {
        return {status,
                {"Content-Type: application/json"},
                json{{"error", {{"message", message}, {"type", code}, {"code", code}}}}.dump()};
    }

    /// Goes on with the run until it has one more experiment than before, or ends otherwise.
    Output run(Model model, const std::string& more = "") {
        ++try_;
        model_ = model;
        Output output =
            sh("PATH='" + std::string(kAgents) + "':\"$PATH\" HOME='" + agents_home_.string() + "' " +
               environment_ + " " + kBinary + " " +
               run_line("--budget 1 --agent-limit 300 --repairs 1 --agent " + agent_ + " --experiments " +
                        std::to_string(std::max<std::size_t>(1, ledger().size())) + " " + more));
        model_ = Model::talks;  // whatever hangs may end
        return output;
    }
    /// The experiment that it led to.
    json experiment(Model model, const std::string& more = "") {
        const std::size_t before = std::max<std::size_t>(1, ledger().size());
        const Output output = run(model, more);
        EXPECT_EQ(output.code, 0) << output.out << output.err;
        const auto lines = ledger();
        EXPECT_EQ(lines.size(), before + 1) << output.out << output.err;
        return lines.empty() ? json() : lines.back();
    }
    static void expect_good(const json& experiment, int calls) {
        EXPECT_EQ(experiment["verdict"]["ending"], "ok") << experiment.dump(1);
        EXPECT_EQ(experiment["idea"], "less smoothing");
        EXPECT_EQ(experiment["agent"]["calls"], calls);
        EXPECT_GT(experiment["agent"]["tokens"], 1000);
        EXPECT_EQ(experiment["agent"]["ignored_files"], json::array());
    }
    static void expect_none(const json& experiment, const std::string& reason) {
        EXPECT_EQ(experiment["verdict"]["ending"], "no_proposal") << experiment.dump(1);
        EXPECT_TRUE(contains(experiment["verdict"]["reason"], reason)) << experiment["verdict"].dump();
    }

    /// Returns the experiment whose edit was mended.
    json expect_each_told_apart() {
        expect_good(experiment(Model::edits), 1);
        expect_none(experiment(Model::talks, "--repairs 0"), "left train.cpp unchanged");
        const json mended = experiment(Model::breaks_then_mends);
        expect_good(mended, 2);
        {
            const std::lock_guard lock(mutex_);
            EXPECT_TRUE(contains(rejected_request_, "This is experiment 3.")) << "the task is still known";
            EXPECT_TRUE(contains(rejected_request_, "build.log")) << "and so is what is wrong";
        }
        // Outages: each wait would be longer than the run may be.
        const std::string soon = "--hours 0.0005";
        for (const auto& [model, more] :
             {std::pair(Model::has_no_quota, soon), std::pair(Model::hangs, soon + " --agent-limit 10"),
              std::pair(Model::knows_nobody, soon)}) {
            const Output out = run(model, more);
            EXPECT_EQ(out.code, 0) << out.out << out.err;
            EXPECT_TRUE(contains(out.out, "; asking again in 60 s")) << out.out;
        }
        EXPECT_EQ(ledger().size(), 4U);
        expect_good(experiment(Model::edits, "--hours 0"), 1);
        expect_consistent(5);
        return mended;
    }

    static constexpr const char* kAgents = TEST_SOURCE_DIR "/build/agents/bin";
    static constexpr const char* kMain = "int main(int argc, char** argv) {";
    // Empty at first. Not below /tmp: the sandbox of Codex does not work there.
    const fs::path agents_home_ = "/var/tmp/autoresearch-test-" + std::to_string(::getpid());
    std::string environment_, agent_;  // of the command line
    std::atomic<Model> model_ = Model::talks;
    std::atomic<int> try_ = 0;

  private:
    std::mutex mutex_;
    std::string rejected_request_;  // the last that handed an edit back
};

class Aider : public RealAgents {
  protected:
    HttpServer::Reply edit(const json&, const std::string& before, const std::string& after) override {
        return say("train/train.cpp\n```cpp\n<<<<<<< SEARCH\n" + before + "\n=======\n" + after +
                   "\n>>>>>>> REPLACE\n```\n\nidea.txt\n```\n<<<<<<< SEARCH\n=======\nless "
                   "smoothing\n>>>>>>> REPLACE\n```\n");
    }
    HttpServer::Reply say(const std::string& words) override {
        const json body = {
            {"id", "1"},
            {"object", "chat.completion"},
            {"created", 1},
            {"model", "stub"},
            {"choices",
             {{{"index", 0},
               {"finish_reason", "stop"},
               {"message", {{"role", "assistant"}, {"content", words}}}}}},
            {"usage", {{"prompt_tokens", 2000}, {"completion_tokens", 50}, {"total_tokens", 2050}}}};
        return {200, {"Content-Type: application/json"}, body.dump()};
    }
};

TEST_F(Aider, EditsAndFailuresAreToldApart) {
    HttpServer server([this](const auto& request) { return answer(request); });
    environment_ = "OPENAI_API_KEY=k OPENAI_API_BASE=" + server.url("/v1");
    agent_ = "aider --model openai/stub";
    expect_each_told_apart();
}

class Codex : public RealAgents {
  protected:
    HttpServer::Reply edit(const json& request, const std::string& before,
                           const std::string& after) override {
        if (request["input"].back()["type"] == "function_call_output") return say("Done.");
        const std::string command =
            "python3 - <<'END'\nfrom pathlib import Path\nfile = Path('train/train.cpp')\n"
            "file.write_text(file.read_text().replace('''" +
            before + "''', '''" + after + "'''))\nPath('idea.txt').write_text('less smoothing')\nEND\n";
        return events({{"type", "function_call"},
                       {"call_id", std::to_string(request["input"].size())},
                       {"name", "exec_command"},
                       {"arguments", json{{"cmd", command}}.dump()}});
    }
    HttpServer::Reply say(const std::string& words) override {
        return events({{"type", "message"},
                       {"role", "assistant"},
                       {"content", {{{"type", "output_text"}, {"text", words}}}}});
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
    fs::create_directory(agents_home_ / ".codex");
    write_file(agents_home_ / ".codex/config.toml",
               "model_provider = \"stub\"\n[model_providers.stub]\nname = \"stub\"\nbase_url = \"" +
                   server.url("/v1") + "\"\nenv_key = \"CODEX_API_KEY\"\nwire_api = \"responses\"\n");
    environment_ = "CODEX_API_KEY=k";
    agent_ = "codex --model stub";
    const json mended = expect_each_told_apart();
    // It went on with its conversation: the task was not told again, and four answers were counted once each.
    const std::string prompts = read_text(directory(3) / "proposal/prompt.md");
    EXPECT_EQ(prompts.find("This is experiment"), prompts.rfind("This is experiment"));
    EXPECT_EQ(mended["agent"]["tokens"], 4 * 2050);
}

}  // namespace
}  // namespace autoresearch

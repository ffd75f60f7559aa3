// The whole loop as a person runs it.

#include <thread>

#include "contract/curve.h"
#include "contract/experiment_json.h"
#include "e2e_fixture.h"

namespace autoresearch {
namespace {

using LoopE2e = E2eTest;

TEST_F(LoopE2e, RunsKeepsDropsRecordsAndReplays) {
    const Output run = autoresearch(run_line("--agent tuner --experiments 2"));
    ASSERT_EQ(run.code, 0) << run.out << run.err;
    expect_consistent(3);
    const auto lines = ledger();
    EXPECT_EQ(lines[0]["verdict"]["decision"], "keep");
    EXPECT_EQ(lines[0]["idea"], "baseline");
    for (const auto& line : lines) {
        EXPECT_EQ(line["verdict"]["ending"], "ok") << line.dump();
        EXPECT_GT(line["trials"][0]["val_bpb"], 0.5);
        EXPECT_LT(line["trials"][0]["val_bpb"], 8.0);
        EXPECT_NEAR(line["trials"][0]["training_seconds"], 2.0, 1.0);
    }
    EXPECT_NE(lines[1]["trials"][0]["val_bpb"], lines[0]["trials"][0]["val_bpb"]);
    for (const char* file :
         {"proposal/prompt.md", "proposal/agent.log", "idea.txt", "train.cpp", "patch.diff", "build.log",
          "run.log", "events.jsonl", "curve-1.csv", "result.json", "proposal/proposal.json"}) {
        EXPECT_TRUE(std::filesystem::exists(directory(1) / file)) << file;
    }
    EXPECT_FALSE(std::filesystem::exists(directory(1) / "train")) << "the program is not kept";
    const std::string message = sh("git log -1 --format=%B refs/autoresearch/e2e/0001").out;
    for (const char* trailer : {"Val-Bpb: ", "Experiment: 1", "Seed: ", "Budget: 2", "Data: ", "Device: cpu",
                                "Verdict: ", "Agent: tuner"}) {
        EXPECT_NE(message.find(trailer), std::string::npos) << trailer << " is not in\n" << message;
    }

    const Output again = autoresearch(run_line("--agent tuner --experiments 2"));
    EXPECT_EQ(again.code, 0) << again.err;
    expect_consistent(3);

    const Output status = autoresearch("status --json");
    ASSERT_EQ(status.code, 0) << status.err;
    const auto state = nlohmann::json::parse(status.out);
    EXPECT_EQ(state["experiments"].size(), 3U);
    EXPECT_EQ(state["running"], false);

    const Output replay = autoresearch("replay " + lines[0]["commit"].get<std::string>() + " --json");
    ASSERT_EQ(replay.code, 0) << replay.err;
    const auto compared = nlohmann::json::parse(replay.out);
    EXPECT_EQ(compared["recorded"]["val_bpb"], lines[0]["trials"][0]["val_bpb"]);
    EXPECT_NEAR(compared["replayed"]["val_bpb"], compared["recorded"]["val_bpb"], 0.7)
        << "the same model, trained alike";
    const Output exact = autoresearch("replay 1 --exact --json");
    ASSERT_EQ(exact.code, 0) << exact.err;
    EXPECT_EQ(nlohmann::json::parse(exact.out)["replayed"]["val_bpb"], lines[1]["trials"][0]["val_bpb"]);
    expect_consistent(3);

    // The same steps once more, in a process that knows nothing but the spec.
    const auto made = nlohmann::json::parse(read_text(repository / ".autoresearch/e2e/run.json"));
    TrialSpec spec;
    spec.source = read_text(directory(1) / "train.cpp");
    spec.kit = made["kit"];
    spec.torch = made["torch"];
    spec.data = made["data"];
    spec.seed = lines[1]["trials"][0]["seed"];
    spec.budget = 2;
    spec.shares = read_curve(directory(1) / "curve-1.csv").share;
    spec.threads = static_cast<int>(std::thread::hardware_concurrency());
    home.write("spec.json", to_json(spec).dump());
    const Output node = sh("XDG_CACHE_HOME='" + home.path().string() + "' " + kBinary + " node < '" +
                           home.path().string() + "/spec.json'");
    ASSERT_EQ(node.code, 0) << node.err;
    const auto answer = nlohmann::json::parse(last_line(node.out));
    ASSERT_EQ(answer["event"], "trial") << node.out;
    EXPECT_EQ(answer["trial"]["val_bpb"], lines[1]["trials"][0]["val_bpb"]) << answer["trial"].dump(2);
}

TEST_F(LoopE2e, BadCandidatesEndAsCrashesAndTheLoopGoesOn) {
    // An agent that does one bad thing per experiment, then a good one.
    const auto agent = home.write("agent.sh", R"(
case "$1" in
1) echo 'this is no C++' >> train/train.cpp ;;
2) sed 's/while (session.training()) {/&\n        for (volatile bool hang = session.steps() > 2; hang;) {}/' train/train.cpp > t && mv t train/train.cpp ;;
3) sed 's/^int main(.*{/&\n    std::abort();/' train/train.cpp > t && mv t train/train.cpp ;;
4) sed 's/model.loss(inputs, targets);/model.loss(inputs, targets) * NAN;/' train/train.cpp > t && mv t train/train.cpp ;;
5) echo 'constexpr int kHarmless = 1;  static_assert(kHarmless == 1);' >> train/train.cpp ;;
6) exit 0 ;;
esac
echo "idea $1" > idea.txt
)");
    const Output run =
        autoresearch(run_line("--grace 2 --experiments 6 --agent 'sh " + agent.string() + " {experiment}'"));
    ASSERT_EQ(run.code, 0) << run.out << run.err;
    expect_consistent(7);
    const auto lines = ledger();
    const char* endings[] = {"ok", "build_failed", "timed_out", "crashed", "not_finite", "ok", "no_proposal"};
    for (std::size_t i = 0; i < 7; ++i) {
        EXPECT_EQ(lines[i]["verdict"]["ending"], endings[i]) << lines[i].dump(2);
        EXPECT_NE(lines[i]["verdict"]["reason"].get<std::string>().empty(),
                  lines[i]["verdict"]["evidence"]["ground"] == "none")
            << lines[i]["verdict"].dump();
        EXPECT_EQ(lines[i]["verdict"]["reason"].get<std::string>().find('\n'), std::string::npos);
    }
    for (int i = 1; i <= 4; ++i) {
        EXPECT_EQ(lines[static_cast<std::size_t>(i)]["verdict"]["decision"], "crash");
        EXPECT_GT(std::filesystem::file_size(directory(i) / (i == 1 ? "build.log" : "run.log")), 0U) << i;
    }
}

TEST_F(LoopE2e, KilledInTheMiddleItGoesOnWhereItWas) {
    const std::string line = run_line("--agent tuner --experiments 2");
    // Killed three times, each later in the life of the run.
    for (const double seconds : {4.0, 16.0, 20.0}) {
        sh("timeout -s KILL " + std::to_string(seconds) + " " + kBinary + " " + line);
        std::size_t number = 0;
        for (const auto& experiment : ledger()) EXPECT_EQ(experiment["number"], number++);
    }
    const Output run = autoresearch(line);
    ASSERT_EQ(run.code, 0) << run.out << run.err;
    expect_consistent(3);
}

}  // namespace
}  // namespace autoresearch

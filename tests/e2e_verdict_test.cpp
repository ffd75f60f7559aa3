#include <algorithm>

#include "e2e_fixture.h"
#include "tiny_trainer.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

class VerdictE2e : public E2eTest {
  protected:
    void start_from_the_tiny_trainer() const {
        write_file(repository / "train/train.cpp", kTinyTrainer);
        ASSERT_EQ(sh("git commit -qa --amend -m start").code, 0);
    }
};

// With the real trainer: the first result comes after one trial, a verdict has its reason.
TEST_F(VerdictE2e, TheBaselineIsOneTrialUntilSomethingMayBeKept) {
    const auto agent = home.write("agent.sh",
                                  "sed -i.old s/TOTAL_BATCH_SIZE/STEP_TOKENS/ train/train.cpp\n"
                                  "echo 'a better name' > idea.txt\n");
    const Output run =
        autoresearch(run_line("--judge paired --experiments 1 --agent 'sh " + agent.string() + "'"));
    ASSERT_EQ(run.code, 0) << run.err;
    const auto lines = ledger();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0]["trials"].size(), 1U);
    EXPECT_EQ(lines[0]["verdict"]["evidence"]["ground"], "baseline");
    const auto& evidence = lines[1]["verdict"]["evidence"];
    EXPECT_GT(evidence["incumbent_tokens"], 1000) << evidence.dump();
    EXPECT_GT(evidence["equal_steps"]["steps"], 0) << evidence.dump();
    const Output noise = autoresearch("noise --seeds 2 --corpus '" + corpus().string() + "'" + kData +
                                      " --device cpu --budget 2 --repeats 0 --json");
    ASSERT_EQ(noise.code, 0) << noise.err;
    EXPECT_EQ(nlohmann::json::parse(noise.out)["trials"].size(), 2U);
}

// A run that is killed again and again in one experiment gets past it, and no trial is run twice.
TEST_F(VerdictE2e, FinishedTrialsOutliveAKill) {
    start_from_the_tiny_trainer();
    sh("sed -i.old 's/SMOOTHING = 1.0/SMOOTHING = 50000.0/' train/train.cpp; rm train/train.cpp.old; "
       "git commit -qa --amend -m start");
    const auto agent = home.write("agent.sh",
                                  "sed -i.old 's/SMOOTHING = .*;/SMOOTHING = 1.0;/' train/train.cpp\n"
                                  "echo less > idea.txt\n");
    const std::string line = run_line("--judge paired --experiments 1 --agent 'sh " + agent.string() + "'");
    const auto trials = directory(1) / "trials.jsonl";
    for (int kill = 1; kill <= 2; ++kill) {
        sh(std::string(kBinary) + " " + line +
           " > /dev/null 2>&1 & pid=$!; i=0; while [ $i -lt 1200 ] && [ \"$(wc -l < '" + trials.string() +
           "' 2>/dev/null || echo 0)\" -lt " + std::to_string(kill) +
           " ]; do i=$((i+1)); sleep 0.05; done; kill -9 $pid; wait $pid");
        const std::string text = read_text(trials);
        EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), kill);
    }
    const Output run = autoresearch(line);
    ASSERT_EQ(run.code, 0) << run.out << run.err;
    EXPECT_NE(run.out.find("1 finished trial of an earlier start counts"), std::string::npos) << run.out;
    const auto lines = ledger();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[1]["verdict"]["decision"], "keep") << lines[1].dump();
    const auto seeds = [&](const char* of) {
        std::vector<int> all;
        for (const auto& trial : lines[1][of]) all.push_back(trial["seed"]);
        return all;
    };
    EXPECT_EQ(seeds("reference_trials"), (std::vector<int>{2, 3})) << "what the baseline still lacked";
    EXPECT_EQ(seeds("trials"), (std::vector<int>{1, 2}));
    EXPECT_FALSE(std::filesystem::exists(trials));
}

// A baseline that hardly learns is easily beaten.
TEST_F(VerdictE2e, TheFinalNumberIsOfTheTestSplit) {
    ASSERT_EQ(sh("sed -i.bak 's/MATRIX_LR *= {0.04, 0.04, 0.04}/MATRIX_LR = {0.04, 0.04, 0.0001}/; "
                 "s/EMBEDDING_LR *= {0.6, 0.6, 0.6}/EMBEDDING_LR = {0.6, 0.6, 0.0001}/' train/train.cpp && "
                 "rm train/train.cpp.bak && git commit -qam slow")
                  .code,
              0);
    const auto agent = home / "agent.sh";
    write_file(agent, "cp '" TEST_SOURCE_DIR "/train/train.cpp' train/train.cpp; echo learn > idea.txt\n");
    const Output run = autoresearch(
        run_line("--judge paired --confirm-seeds 2 --experiments 1 --agent 'sh " + agent.string() + "'"));
    ASSERT_EQ(run.code, 0) << run.err;
    EXPECT_EQ(ledger()[1]["verdict"]["decision"], "keep") << ledger()[1].dump(2);
    EXPECT_GE(ledger()[1]["reference_trials"].size(), 2U) << "now the baseline's noise is needed";
    const auto status = nlohmann::json::parse(autoresearch("status --json").out);
    EXPECT_GE(status["verdicts"]["degrees"], 2);
    EXPECT_GT(status["verdicts"]["noise"], 0);
    const auto number = nlohmann::json::parse(read_text(repository / ".autoresearch/e2e/final.json"));
    EXPECT_EQ(number["experiment"], 1);
    EXPECT_GT(number["gain"], 0);
    EXPECT_LT(number["low"], number["high"]);
    EXPECT_NE(autoresearch("status").out.find("on the test split experiment 1 is"), std::string::npos);

    const Output confirm = autoresearch("confirm --seeds 3 --json");
    ASSERT_EQ(confirm.code, 0) << confirm.err;
    const auto again = nlohmann::json::parse(confirm.out);
    EXPECT_EQ(again["seeds"], (std::vector<int>{1001, 1002, 1003}));
    EXPECT_EQ(again["baseline"].size(), 3U);
    EXPECT_GT(again["gain"], 0);
    EXPECT_NEAR(again["optimism"], again["val_gain"].get<double>() - again["gain"].get<double>(), 1e-12);
    EXPECT_EQ(again, nlohmann::json::parse(read_text(repository / ".autoresearch/e2e/final.json")));
    EXPECT_NE(again["baseline"][0], ledger()[0]["trials"][0]["val_bpb"]);
}

TEST_F(VerdictE2e, ConfirmSaysWhatItCannotDo) {
    const auto expect_refused = [&](const std::string& arguments, const std::string& reason) {
        const Output output = autoresearch(arguments);
        EXPECT_EQ(output.code, 2) << arguments;
        EXPECT_NE(output.err.find(reason), std::string::npos) << output.err;
    };
    expect_refused("confirm", "run");
    expect_refused("confirm --tag nothing", "nothing");
    expect_refused(run_line("--confirm-seeds 1 --experiments 1 --agent tuner"), "--confirm-seeds 2");
    EXPECT_FALSE(std::filesystem::exists(repository / ".autoresearch/e2e"));
    start_from_the_tiny_trainer();
    const Output run = autoresearch(run_line("--repairs 0 --experiments 1 --agent true"));
    ASSERT_EQ(run.code, 0) << run.err;
    expect_refused("confirm", "kept nothing yet");
    expect_refused("confirm --seeds 1", "--seeds");
}

// After enough finished experiments a clearly worse one is not run to its end.
TEST_F(VerdictE2e, ALoserIsEndedEarlyAndSaidToBe) {
    start_from_the_tiny_trainer();
    home.write("before.cpp", read_text(repository / "train/train.cpp"));  // of which an agent sees nothing
    const auto agent =
        home.write("agent.sh", "cp '" + (home / "before.cpp").string() +
                                   "' train/train.cpp\n"
                                   "case $1 in 10) value=50000 ;; *) value=$((1 + 200 * $1)) ;; esac\n"
                                   "sed -i.old \"s/SMOOTHING = .*;/SMOOTHING = $value;/\" train/train.cpp\n"
                                   "echo \"smoothing $value\" > idea.txt\n");
    const Output run =
        autoresearch(run_line("--experiments 10 --agent 'sh " + agent.string() + " {experiment}'"));
    ASSERT_EQ(run.code, 0) << run.err;
    const auto last = ledger().at(10);
    EXPECT_EQ(last["verdict"]["decision"], "discard");
    ASSERT_EQ(last["verdict"]["ending"], "ended_early") << last.dump(2);
    EXPECT_EQ(last["trials"][0]["ending"], "ended_early");
    const std::string status = autoresearch("status").out;
    EXPECT_NE(status.find("\ntrials ended early: "), std::string::npos) << status;
    const auto row = status.find("  10  discard          -          -  ");
    ASSERT_NE(row, std::string::npos) << status;
    EXPECT_NE(status.find("smoothing 50000  (ended_early: sure to lose: training loss ", row),
              std::string::npos)
        << status;
    expect_consistent(11);
}

}  // namespace
}  // namespace autoresearch

#include "e2e_fixture.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

// With the real trainer: the baseline's seeds, a verdict with its reason, status and the noise by itself.
TEST_F(E2eTest, VerdictsKnowTheNoise) {
    const Output run = autoresearch(run_line("--confirm paired --agent tuner --experiments 1"));
    ASSERT_EQ(run.code, 0) << run.err;
    const auto lines = ledger();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0]["trials"].size(), 3U);
    EXPECT_EQ(lines[0]["verdict"]["reason"].get<std::string>().rfind("baseline; noise 0.", 0), 0U);
    const std::string reason = lines[1]["verdict"]["reason"];
    EXPECT_NE(reason.find("source +"), std::string::npos) << reason;
    EXPECT_NE(reason.find("at equal steps"), std::string::npos) << reason;
    const auto status = nlohmann::json::parse(autoresearch("status --json").out);
    EXPECT_GE(status["verdicts"]["degrees"], 2);
    EXPECT_GT(status["verdicts"]["noise"], 0);
    const Output noise = autoresearch("noise --seeds 2 --corpus '" + corpus().string() + "'" + kData +
                                      " --device cpu --budget 2 --repeats 0 --json");
    ASSERT_EQ(noise.code, 0) << noise.err;
    EXPECT_EQ(nlohmann::json::parse(noise.out)["trials"].size(), 2U);
}

// A baseline that hardly learns is easily beaten.
TEST_F(E2eTest, TheFinalNumberIsOfTheTestSplit) {
    ASSERT_EQ(sh("sed -i.bak 's/MATRIX_LR *= {0.04, 0.04, 0.04}/MATRIX_LR = {0.04, 0.04, 0.0001}/; "
                 "s/EMBEDDING_LR *= {0.6, 0.6, 0.6}/EMBEDDING_LR = {0.6, 0.6, 0.0001}/' train/train.cpp && "
                 "rm train/train.cpp.bak && git commit -qam slow")
                  .code,
              0);
    const auto agent = home / "agent.sh";
    write_file(agent, "cp '" TEST_SOURCE_DIR "/train/train.cpp' train/train.cpp; echo learn > idea.txt\n");
    const Output run = autoresearch(
        run_line("--confirm paired --confirm-seeds 2 --experiments 1 --agent 'sh " + agent.string() + "'"));
    ASSERT_EQ(run.code, 0) << run.err;
    EXPECT_EQ(ledger()[1]["verdict"]["decision"], "keep") << ledger()[1].dump(2);
    const auto number = nlohmann::json::parse(read_text(repository / ".autoresearch/e2e/final.json"));
    EXPECT_EQ(number["experiment"], 1);
    EXPECT_GT(number["gain"], 0);
    EXPECT_LT(number["low"], number["high"]);
    EXPECT_NE(autoresearch("status").out.find("on the test split experiment 1 is"), std::string::npos);
}

}  // namespace
}  // namespace autoresearch

// A run that the version before began: its files, as commit 93437f4 wrote them, are shown and gone on with.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "contract/run_files.h"
#include "judge/paired_judge.h"
#include "record/file_ledger.h"
#include "record/run_info.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

class OldRunTest : public testing::Test {
  protected:
    void SetUp() override {
        for (const std::string file : {"run.json", "ledger.jsonl"})
            repository.write(".autoresearch/old/" + file,
                             read_text(TEST_SOURCE_DIR "/tests/golden/old_run/" + file));
    }
    TempDirectory repository;
};

TEST_F(OldRunTest, ItIsReadWithANote) {
    const RunInfo run = require_run(repository.path(), "old");
    EXPECT_EQ(run.config.values.judge, JudgeRule::plain);
    EXPECT_EQ(run.config.origins.at("judge"), "--confirm");
    EXPECT_EQ(run.config.values.budget, 3);
    EXPECT_EQ(run.config.values.confirm_seeds, 0);
    ASSERT_EQ(run.config.notes.size(), 1U);
    EXPECT_NE(run.config.notes[0].find("run.json: confirm is now called judge"), std::string::npos);
    EXPECT_TRUE(run.known.empty() && run.kit_files.empty() && run.data_files.empty())
        << "measured when it goes on";
    const auto experiments = read_ledger(run.directory);
    ASSERT_EQ(experiments.size(), 2U);
    EXPECT_EQ(experiments[0].verdict.decision, Decision::keep);
    EXPECT_EQ(experiments[0].verdict.reason, "baseline");
    EXPECT_EQ(experiments[1].verdict.ending, Ending::no_proposal);
}

TEST_F(OldRunTest, ItGoesOnByTheSameRule) {
    RunInfo run = require_run(repository.path(), "old");
    ResolvedSettings now = run.config;
    for (auto& [name, origin] : now.origins) origin = "default";
    now.values.experiments = 9;
    now.origins["experiments"] = "--experiments";
    run.config = continue_settings(run.config, now, run.device);
    EXPECT_EQ(run.config.values.judge, JudgeRule::plain);
    EXPECT_EQ(run.config.values.experiments, 9);
    const auto experiments = read_ledger(run.directory);
    const auto verdict = PairedJudge(run.config.values).judge(nullptr, experiments[0], {});
    EXPECT_EQ(std::get<Verdict>(verdict).decision, Decision::keep) << "one trial is enough";

    save_run(run);
    const auto written = nlohmann::json::parse(read_text(run_files::run(run.directory)));
    EXPECT_FALSE(written["config"].contains("confirm"));
    EXPECT_EQ(written["config"]["judge"]["value"], "plain");
    EXPECT_TRUE(require_run(repository.path(), "old").config.notes.empty()) << "from now on by today's names";
}

}  // namespace
}  // namespace autoresearch

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "propose/prompt.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Experiment experiment(int number, Decision decision, double val_bpb, double delta, const std::string& idea,
                      const std::string& reason) {
    Experiment result;
    result.number = number;
    result.idea = idea;
    result.verdict.decision = decision;
    result.verdict.reason = reason;
    result.verdict.delta = delta;
    if (decision != Decision::crash) {
        Trial trial;
        trial.ending = Ending::ok;
        trial.val_bpb = val_bpb;
        trial.num_steps = 412;
        trial.depth = 4;
        result.trials.push_back(trial);
    }
    return result;
}

std::vector<Experiment> long_history(int count) {
    std::vector<Experiment> history{experiment(0, Decision::keep, 2, 0, "baseline", "first")};
    for (int i = 1; i < count; ++i) {
        const bool kept = i % 10 == 0;
        history.push_back(experiment(i, kept ? Decision::keep : Decision::discard, 2 - i * 1e-4,
                                     kept ? -1e-4 : 1e-3, "idea number " + std::to_string(i),
                                     "not better than the best by the noise"));
    }
    return history;
}

TEST(History, OneLineSaysWhatHappened) {
    EXPECT_EQ(history_line(experiment(0, Decision::keep, 1.9, 0, "baseline", "")),
              "- 0000 keep     1.90000           baseline");
    EXPECT_EQ(history_line(experiment(12, Decision::discard, 1.95, 0.05, "wider\nmodel", "worse")),
              "- 0012 discard  1.95000 +0.05000  wider model | worse");
    const std::string crash =
        history_line(experiment(3, Decision::crash, 0, 0, "deeper", "out of memory: MPS is full"));
    EXPECT_THAT(crash, HasSubstr("- 0003 crash "));
    EXPECT_THAT(crash, HasSubstr("deeper | out of memory: MPS is full"));
    EXPECT_THAT(crash, Not(HasSubstr("0.00000")));
}

TEST(History, NewestIsLastAndTheBestIsNamed) {
    const std::string text =
        history_text({experiment(0, Decision::keep, 1.9, 0, "baseline", ""),
                      experiment(1, Decision::keep, 1.8, -0.1, "smaller batch", "better"),
                      experiment(2, Decision::crash, 0, 0, "typo", "no such name")});
    EXPECT_THAT(text, HasSubstr("3 experiments: 2 kept, 1 crashed. Best: 1.80000 (experiment 1)."));
    EXPECT_LT(text.find("- 0001"), text.find("- 0002"));
    EXPECT_THAT(history_text({}), HasSubstr("0 experiments"));
}

TEST(History, ALongOneStaysInItsBudgetAndKeepsTheLineage) {
    const auto history = long_history(2000);
    const std::string text = history_text(history, 16 << 10);
    EXPECT_LT(text.size(), (16u << 10) + 600);
    EXPECT_THAT(text, HasSubstr("- 1999 discard  1.80010 +0.00100  idea number 1999 | not better"));
    EXPECT_THAT(text, HasSubstr("older ones are only in experiments/"));
    EXPECT_THAT(text, Not(HasSubstr("- 0001 ")));
    EXPECT_EQ(history_text(long_history(20)).find("older ones"), std::string::npos);
}

TEST(Prompt, SaysWhatAnAgentNeeds) {
    const auto history = long_history(30);
    const std::string source = "int main() {}";
    const std::string text =
        prompt_text("# Your task\n\nRules.\n", {30, history[20], source, history, "/d"}, {"mps", 300, 16});
    EXPECT_THAT(text, ::testing::StartsWith("# Your task\n\nRules.\n\n## Now"));
    EXPECT_THAT(text, HasSubstr("This is experiment 30. Device: mps with 16 GB. Budget: 300 s of training."));
    EXPECT_THAT(text, HasSubstr("To beat: experiment 20, val_bpb 1.99800 (412 steps"));
    EXPECT_THAT(text, HasSubstr("idea number 29"));
    EXPECT_THAT(text, Not(HasSubstr("idea number 9 ")));
    EXPECT_THAT(text, HasSubstr("idea.txt"));
    EXPECT_LT(text.size(), 4000u);
}

}  // namespace
}  // namespace autoresearch

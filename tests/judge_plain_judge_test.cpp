#include <gtest/gtest.h>

#include "judge/plain_judge.h"

namespace autoresearch {
namespace {

Experiment with_result(int number, double val_bpb) {
    Experiment experiment;
    experiment.number = number;
    Trial trial;
    trial.ending = Ending::ok;
    trial.val_bpb = val_bpb;
    experiment.trials.push_back(trial);
    return experiment;
}

TEST(PlainJudge, AsksForOneTrialWithItsSeed) {
    const auto answer = PlainJudge(42).judge(nullptr, Experiment{}, {});
    EXPECT_EQ(std::get<MoreTrials>(answer).seed, 42U);
}

TEST(PlainJudge, KeepsTheBaselineAndWhatIsLower) {
    const PlainJudge judge(1);
    const Experiment baseline = with_result(0, 2.0);
    EXPECT_EQ(std::get<Verdict>(judge.judge(nullptr, baseline, {})).decision, Decision::keep);
    const auto lower = std::get<Verdict>(judge.judge(&baseline, with_result(1, 1.75), {}));
    EXPECT_EQ(lower.decision, Decision::keep);
    EXPECT_DOUBLE_EQ(lower.delta, -0.25);
    EXPECT_EQ(lower.reason, "val_bpb 1.750000 is 0.250000 below experiment 0's 2.000000");
    EXPECT_EQ(std::get<Verdict>(judge.judge(&baseline, with_result(1, 2.0), {})).decision, Decision::discard);
    EXPECT_EQ(std::get<Verdict>(judge.judge(&baseline, with_result(1, 2.5), {})).decision, Decision::discard);
}

}  // namespace
}  // namespace autoresearch

#include <gtest/gtest.h>

#include <random>

#include "bench/early_end_replay.h"
#include "judge/trial_curves.h"
#include "temp_directory.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

/// 100 steps of a falling loss that ends `worse` above the usual one.
Curve curve(double worse, int steps = 100) {
    Curve result;
    for (int i = 0; i < steps; ++i) {
        result.share.push_back((i + 0.5) / steps);
        result.loss.push_back(4 - result.share.back() + worse * result.share.back());
    }
    return result;
}

std::string text_of(const Curve& curve) {
    std::string text = "step,seconds,progress,loss,tokens\n";
    for (std::size_t i = 0; i < curve.share.size(); ++i) {
        text += std::to_string(i + 1) + ",0.5," + std::to_string(curve.share[i]) + "," +
                std::to_string(curve.loss[i]) + ",64\n";
    }
    return text;
}

Trial trial(double val_bpb) {
    Trial result;
    result.ending = Ending::ok;
    result.seed = 1;
    result.val_bpb = val_bpb;
    result.num_steps = 100;
    return result;
}

TEST(EarlyEnd, EndsOnlyWhatIsFarBehindAndOnlyWhenEnoughHaveFinished) {
    EarlyEnd rule;
    const auto judged = [&](double worse, int steps = 100) {
        return sure_to_lose(rule, curve(worse, steps), curve(0), 2, 0.01);
    };
    for (int i = -4; i < 4; ++i) {
        EXPECT_FALSE(judged(100)) << i;
        rule.learn(EarlyEnd::distances(curve(0.02 * i), curve(0)), 0.02 * i + (i % 2 == 0 ? 0.003 : -0.003));
    }
    EXPECT_TRUE(judged(0.2));
    EXPECT_TRUE(judged(0.2, 50)) << "with fewer steps";
    EXPECT_FALSE(judged(0.005)) << "behind, but within what may still change";
    EXPECT_FALSE(judged(-0.1));
    Curve begun = curve(0.2);
    begun.share.resize(20), begun.loss.resize(20);
    EXPECT_FALSE(sure_to_lose(rule, begun, curve(0), 2, 0.01));
}

// Nothing can be learned from a loss that says nothing of the result.
TEST(EarlyEnd, NeverEndsWhereCurvesDoNotTell) {
    std::mt19937 random(1);
    std::normal_distribution<double> normal(0, 0.02);
    EarlyEnd rule;
    for (int i = 0; i < 30; ++i)
        rule.learn(EarlyEnd::distances(curve(normal(random)), curve(0)), normal(random));
    for (std::size_t i = 0; i < EarlyEnd::kCheckpoints.size(); ++i)
        EXPECT_FALSE(sure_to_lose(rule, curve(0.03), curve(0), i, 0.01));
}

// Simulated: results that follow from the curve but for some noise; the nearer the end, the more the loss
// tells. Of those that were better in the end at most 1 % may be ended, over all checkpoints.
TEST(EarlyEnd, LosesAtMostOneInAHundredWinners) {
    constexpr auto& kPoints = EarlyEnd::kCheckpoints;
    Curve incumbent{{}, std::vector<double>(kPoints.size())};
    for (const double point : kPoints) incumbent.share.push_back(point - 0.05);
    std::mt19937 random(1);
    std::normal_distribution<double> normal;
    int winners = 0, lost = 0, losers = 0, ended = 0;
    for (int run = 0; run < 300; ++run) {
        EarlyEnd rule;
        for (int i = 0; i < 40; ++i) {
            const double difference = 0.02 + 0.03 * normal(random);
            Curve next = incumbent;
            for (std::size_t c = 0; c < kPoints.size(); ++c)
                next.loss[c] = difference + 0.03 * (1 - kPoints[c]) * normal(random);
            bool stop = false;
            for (std::size_t c = 0; c < kPoints.size(); ++c)
                stop = stop || sure_to_lose(rule, next, incumbent, c, 0.005);
            ++(difference < 0 ? winners : losers);
            if (stop) ++(difference < 0 ? lost : ended);
            if (!stop)
                rule.learn(EarlyEnd::distances(next, incumbent),
                           difference);  // what is ended teaches nothing
        }
    }
    std::printf("early end: %d of %d winners lost, %d of %d losers ended\n", lost, winners, ended, losers);
    EXPECT_LE(lost, winners / 100);
    EXPECT_GT(ended, losers / 10);
}

// Recorded: a night of edits without effect and one of the built-in tuner, on the quickstart preset
// (scripts/bench early-end --thin).
TEST(EarlyEnd, LosesAtMostOneInAHundredOfRecordedKeeps) {
    const auto runs = nlohmann::json::parse(read_file(TEST_SOURCE_DIR "/tests/data/recorded_trials.json"))
                          .get<std::vector<RecordedRun>>();
    ASSERT_EQ(runs.size(), 2U);
    for (const std::size_t known : {8, 1000}) {
        EarlyEndReplay replay;
        for (const RecordedRun& run : runs) replay.add(run, known);
        std::printf(
            "early end: %d of %d would-be keeps lost, %d of %d losers ended, %.1f %% of training saved\n",
            replay.lost, replay.keeps, replay.ended, replay.losers, 100 * replay.saved / replay.trained);
        EXPECT_GT(replay.keeps, 500);
        EXPECT_LE(replay.lost, replay.keeps / 100);
        EXPECT_GT(replay.ended, replay.losers / 5);
    }
}

class TrialCurvesTest : public testing::Test {
  protected:
    std::filesystem::path folder(int number) const { return directory.path() / std::to_string(number); }
    Experiment experiment(int number, double worse, int steps = 100) const {
        Experiment result;
        result.number = number;
        result.trials = {trial(2 + worse)};
        result.verdict.decision = number == 0 ? Decision::keep : Decision::discard;
        std::filesystem::create_directories(folder(number));
        write_file(curve_file(folder(number), 1), text_of(curve(worse, steps)));
        return result;
    }

    const TempDirectory directory;
    TrialCurves curves{[this](int number) { return folder(number); }, true};
};

TEST_F(TrialCurvesTest, ReadsTheRunsFilesAndSaysFromWhichLossOnATrialIsHopeless) {
    std::vector<Experiment> history = {experiment(0, 0)};
    for (int i = 1; i <= 10; ++i) history.push_back(experiment(i, 0.01 * (i - 3)));
    const Noise noise{0.01, 2};
    const auto folders = [this](int number) { return folder(number); };
    EXPECT_TRUE(TrialCurves(folders, false).early_end(history[0], 1, history, noise).empty());
    EXPECT_TRUE(curves.early_end(history[0], 2, history, noise).empty()) << "the incumbent has no such trial";
    const auto stop = curves.early_end(history[0], 1, history, noise);
    ASSERT_EQ(stop.size(), EarlyEnd::kCheckpoints.size());
    for (std::size_t i = 0; i < stop.size(); ++i) {
        EXPECT_EQ(stop[i].share, EarlyEnd::kCheckpoints.at(i));
        EXPECT_GT(*mean_loss(curve(0.5), stop[i].share), stop[i].loss) << "far behind";
        EXPECT_LT(*mean_loss(curve(0.005), stop[i].share), stop[i].loss) << "a little behind";
    }
}

TEST_F(TrialCurvesTest, ReadsEachCurveOnce) {
    std::vector<Experiment> history = {experiment(0, 0)};
    for (int i = 1; i <= 10; ++i) history.push_back(experiment(i, 0.01 * (i - 3)));
    const auto before = curves.early_end(history[0], 1, history, {0.01, 2});
    for (int i = 1; i <= 10; ++i) std::filesystem::remove(curve_file(folder(i), 1));
    const auto after = curves.early_end(history[0], 1, history, {0.01, 2});
    ASSERT_EQ(after.size(), before.size());
    EXPECT_EQ(after[0].loss, before[0].loss) << "what was learned stays";
}

// What cannot be read, or is of another run, is learned from the curves.
TEST_F(TrialCurvesTest, WhatWasLearnedOutlivesTheProcess) {
    const auto folders = [this](int number) { return folder(number); };
    const auto lessons = directory.path() / "lessons.jsonl";
    std::vector<Experiment> history = {experiment(0, 0)};
    for (int i = 1; i <= 10; ++i) history.push_back(experiment(i, 0.01 * (i - 3)));
    const auto losses = [&](const std::filesystem::path& file) {
        std::vector<double> result;
        for (const auto& stop : TrialCurves(folders, true, file).early_end(history[0], 1, history, {0.01, 2}))
            result.push_back(stop.loss);
        return result;
    };
    const auto right = losses("");
    EXPECT_EQ(losses(lessons), right);
    const std::string whole = read_text(lessons);
    history[3].trials[0].val_bpb += 0.5;  // the experiment of another ledger
    const auto other = losses("");
    EXPECT_NE(other, right);
    EXPECT_EQ(losses(lessons), other);
    history[3].trials[0].val_bpb -= 0.5;
    for (const std::string& damage :
         {whole.substr(0, whole.size() - 7), std::string("\n{}\n[1,2]\n[\"1\",2,3,4,5]\n[4,null,0,0,0]"),
          whole + "\n[9"}) {
        write_file(lessons, damage);
        EXPECT_EQ(losses(lessons), right) << damage;
    }
    for (int i = 1; i <= 10; ++i) std::filesystem::remove(curve_file(folder(i), 1));
    EXPECT_EQ(losses(lessons), right) << "no curve is read again";
}

TEST_F(TrialCurvesTest, TellsFasterStepsFromBetterSteps) {
    const Experiment incumbent = experiment(0, 0);
    EXPECT_NEAR(curves.at_equal_steps(incumbent, experiment(1, 0, 120)).steps, 1.2, 1e-9);
    const EqualSteps better = curves.at_equal_steps(incumbent, experiment(2, -0.1));
    EXPECT_EQ(better.steps, 1);
    EXPECT_NEAR(better.loss, -0.0950, 5e-5);
    const Experiment lost = experiment(3, 0);
    std::filesystem::remove(curve_file(folder(3), 1));
    EXPECT_EQ(curves.at_equal_steps(incumbent, lost).steps, 0);
}

}  // namespace
}  // namespace autoresearch

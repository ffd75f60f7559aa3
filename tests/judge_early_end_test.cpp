#include <gtest/gtest.h>

#include <random>

#include "judge/early_end.h"
#include "judge/trial_curves.h"
#include "temp_directory.h"
#include "util/atomic_file.h"

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

TEST(EarlyEnd, ComparesMeansAtEqualShareOfTheBudget) {
    EXPECT_NEAR(*behind(curve(0.2), curve(0), 0.5), 0.2 * 0.45, 1e-9);
    EXPECT_NEAR(*behind(curve(0.2, 50), curve(0), 0.5), 0.2 * 0.45, 1e-9) << "fewer steps";
    Curve begun = curve(0);
    begun.share.resize(20), begun.loss.resize(20);
    EXPECT_FALSE(behind(begun, curve(0), 0.5));
}

TEST(EarlyEnd, EndsOnlyWhatIsFarBehindAndOnlyWithEnoughRaces) {
    std::vector<Race> races;
    for (int i = -4; i < 4; ++i) {
        EXPECT_FALSE(EarlyEndRule(races, 0.01).ready());
        EXPECT_FALSE(EarlyEndRule(races, 0.01).hopeless(2, 100));
        races.push_back(*race(curve(0.02 * i), curve(0), 0.02 * i + (i % 2 == 0 ? 0.003 : -0.003)));
    }
    const EarlyEndRule rule(races, 0.01);
    EXPECT_TRUE(rule.ready());
    EXPECT_TRUE(rule.hopeless(2, 0.1));
    EXPECT_FALSE(rule.hopeless(2, 0.005)) << "behind, but within what may still change";
    EXPECT_FALSE(rule.hopeless(2, -0.1));
}

// Nothing can be learned from a loss that says nothing of the result.
TEST(EarlyEnd, NeverEndsWhereCurvesDoNotTell) {
    std::mt19937 random(1);
    std::normal_distribution<double> normal(0, 0.02);
    std::vector<Race> races;
    for (int i = 0; i < 30; ++i) races.push_back(*race(curve(normal(random)), curve(0), normal(random)));
    for (std::size_t i = 0; i < kCheckpoints.size(); ++i)
        EXPECT_FALSE(EarlyEndRule(races, 0.01).hopeless(i, 0.03));
}

// Replayed: experiments whose result follows from the curve but for some noise. Of those that were better in
// the end at most 1 % may be ended, over all checkpoints.
TEST(EarlyEnd, LosesAtMostOneInAHundredWinners) {
    std::mt19937 random(1);
    std::normal_distribution<double> normal;
    int winners = 0, lost = 0, losers = 0, ended = 0;
    for (int run = 0; run < 300; ++run) {
        std::vector<Race> races;
        for (int i = 0; i < 40; ++i) {
            const double difference = 0.02 + 0.03 * normal(random);
            Race next{{}, difference};
            // The nearer the end, the more the loss tells.
            for (std::size_t c = 0; c < kCheckpoints.size(); ++c)
                next.behind[c] = difference + 0.03 * (1 - kCheckpoints[c]) * normal(random);
            const EarlyEndRule rule(races, 0.005);
            bool stop = false;
            for (std::size_t c = 0; c < kCheckpoints.size(); ++c)
                stop = stop || rule.hopeless(c, next.behind[c]);
            ++(difference < 0 ? winners : losers);
            if (stop) ++(difference < 0 ? lost : ended);
            if (!stop) races.push_back(next);  // what is ended teaches nothing
        }
    }
    std::printf("early end: %d of %d winners lost, %d of %d losers ended\n", lost, winners, ended, losers);
    EXPECT_LE(lost, winners / 100);
    EXPECT_GT(ended, losers / 10);
}

TEST(TrialCurves, ReadsTheRunsFilesAndEndsATrialThatIsSureToLose) {
    const TempDirectory directory;
    const auto folder = [&](int number) { return directory.path() / std::to_string(number); };
    std::vector<Experiment> history;
    for (int i = 0; i <= 10; ++i) {
        Experiment experiment;
        experiment.number = i;
        const double worse = i == 0 ? 0 : 0.01 * (i - 3);
        experiment.trials = {trial(2 + worse)};
        experiment.verdict.decision = i == 0 ? Decision::keep : Decision::discard;
        std::filesystem::create_directories(folder(i));
        write_file(folder(i) / (i == 5 ? "curve-1.csv" : "curve.csv"), text_of(curve(worse)));
        history.push_back(experiment);
    }
    write_file(folder(5) / "curve.csv", text_of(curve(9, 7)));  // of an interrupted attempt
    EXPECT_EQ(finished_races(history, folder).size(), 10U);

    Experiment candidate;
    candidate.number = 11;
    std::filesystem::create_directories(folder(11));
    const Noise noise{0.01, 2};
    EXPECT_FALSE(TrialCurves(folder, false).early_end(history[0], candidate, 1, history, noise));
    const TrialCurves curves(folder, true);
    const auto hopeless = curves.early_end(history[0], candidate, 1, history, noise);
    ASSERT_TRUE(hopeless);
    EXPECT_FALSE(hopeless(0.2, 3.9));
    EXPECT_FALSE(hopeless(0.5, 3.9)) << "the file is not there yet";
    write_file(folder(11) / "curve.csv", text_of(curve(0.5)));
    const auto reason = hopeless(0.51, 3.9);
    ASSERT_TRUE(reason);
    EXPECT_NE(reason->find("at 30 % of the budget"), std::string::npos) << *reason;
}

TEST(TrialCurves, TellsFasterStepsFromBetterSteps) {
    EXPECT_EQ(explain_curves(curve(0, 120), curve(0)).substr(0, 8), "; faster");
    EXPECT_EQ(explain_curves(curve(-0.1), curve(0)),
              "; better steps: 1.00x as many, loss -0.0950 at equal steps");
    EXPECT_EQ(explain_curves({}, curve(0)), "");
}

}  // namespace
}  // namespace autoresearch

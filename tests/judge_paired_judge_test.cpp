#include <gmock/gmock.h>

#include <algorithm>

#include "bench/judge_simulation.h"
#include "judge/paired_judge.h"
#include "view/sentences.h"

namespace autoresearch {
namespace {

using testing::HasSubstr;

Trial trial(std::uint64_t seed, double val_bpb) {
    Trial result;
    result.ending = Ending::ok;
    result.seed = seed;
    result.val_bpb = val_bpb;
    result.training_seconds = 10;
    result.num_steps = 100;
    result.peak_memory_mb = 1000;
    return result;
}

Experiment experiment(int number, const std::vector<double>& values, int source_tokens = 1000) {
    Experiment result;
    result.number = number;
    result.source_tokens = source_tokens;
    for (const double value : values) result.trials.push_back(trial(result.trials.size() + 1, value));
    return result;
}

class PairedJudgeTest : public testing::Test {
  protected:
    // Noise 0.01 with two degrees of freedom.
    PairedJudgeTest() : history{experiment(0, {1.99, 2.00, 2.01})} {
        history[0].verdict.decision = Decision::keep;
    }
    std::variant<MoreTrials, Verdict> ask(const Experiment& candidate) const {
        return judge.judge(&history[0], candidate, history);
    }
    std::uint64_t seed_of(const Experiment& candidate) const {
        return std::get<MoreTrials>(ask(candidate)).seed;
    }
    Verdict verdict_of(const Experiment& candidate) const { return std::get<Verdict>(ask(candidate)); }

    PairedJudge judge{Settings{}};
    std::vector<Experiment> history;
};

TEST_F(PairedJudgeTest, TheBaselineRunsOnceAndItsOtherSeedsWhenSomethingMayBeKept) {
    EXPECT_EQ(std::get<MoreTrials>(judge.judge(nullptr, experiment(0, {}), {})).seed, 1U);
    const auto verdict = std::get<Verdict>(judge.judge(nullptr, experiment(0, {2.0}), {}));
    EXPECT_EQ(verdict.decision, Decision::keep);
    EXPECT_EQ(verdict_sentence(verdict), "baseline");
    EXPECT_EQ(verdict_sentence(std::get<Verdict>(judge.judge(nullptr, history[0], {}))),
              "baseline; noise 0.01000 between 3 seeds")
        << "of a run that began with several";

    history = {experiment(0, {2.0})};
    history[0].verdict.decision = Decision::keep;
    EXPECT_EQ(verdict_of(experiment(1, {2.0})).decision, Decision::discard) << "no seed is spent on that";
    for (auto& candidate : {experiment(1, {1.9}), experiment(1, {2.1}, 900)}) {
        auto tried = candidate;
        for (const std::uint64_t seed : {2, 3}) {
            const auto more = std::get<MoreTrials>(ask(tried));
            EXPECT_TRUE(more.of_incumbent);
            EXPECT_EQ(more.seed, seed);
            tried.reference_trials.push_back(trial(seed, 2.0 + 0.01 * static_cast<double>(seed)));
        }
        const auto answer = ask(tried);
        const auto* const more = std::get_if<MoreTrials>(&answer);
        if (candidate.source_tokens == 1000) {
            ASSERT_NE(more, nullptr);
            EXPECT_FALSE(more->of_incumbent);
            EXPECT_EQ(more->seed, 2U);
        } else {
            EXPECT_EQ(verdict_of(tried).decision, Decision::discard) << "worse by ten noise units";
        }
    }
}

TEST_F(PairedJudgeTest, WorseOrEqualCostsOneTrial) {
    EXPECT_EQ(seed_of(experiment(1, {})), 1U);
    const Verdict worse = verdict_of(experiment(1, {2.00}));
    EXPECT_EQ(worse.decision, Decision::discard);
    EXPECT_NEAR(worse.evidence.difference, 0.01, 1e-12);
    EXPECT_EQ(verdict_sentence(worse),
              "worse by 0.01000 on 1 seed, noise 0.01000; source +0 tokens (+0.0 %)");
    EXPECT_EQ(verdict_of(experiment(1, {1.99})).decision, Decision::discard) << "equal is not better";
}

TEST_F(PairedJudgeTest, PromisingGetsMoreSeedsAndTheIncumbentTheSameOnes) {
    EXPECT_EQ(seed_of(experiment(1, {1.97})), 2U);
    EXPECT_EQ(seed_of(experiment(1, {1.97, 1.985})), 3U);
    EXPECT_EQ(seed_of(experiment(1, {1.97, 1.985, 2.009})), 4U);
    auto candidate = experiment(1, {1.97, 1.985, 2.009, 1.98});
    const auto more = std::get<MoreTrials>(ask(candidate));
    EXPECT_TRUE(more.of_incumbent);
    EXPECT_EQ(more.seed, 4U);
    candidate.reference_trials = {trial(4, 1.99)};
    EXPECT_EQ(verdict_of(candidate).decision, Decision::discard);
    EXPECT_THAT(verdict_sentence(verdict_of(candidate)),
                HasSubstr("within the noise: better by 0.01150 on 4 seeds: "));
}

TEST_F(PairedJudgeTest, ReferenceTrialsOfEarlierExperimentsAreUsedAgain) {
    history.push_back(experiment(1, {2.1}));
    history[1].verdict.decision = Decision::discard;
    history[1].reference_trials = {trial(4, 1.99)};
    auto candidate = experiment(2, {1.97, 1.985, 2.009, 1.98});
    EXPECT_NEAR(verdict_of(candidate).evidence.difference, -0.0115, 1e-9);
    EXPECT_EQ(judge.noise(history).degrees, 3) << "and are repeats of the incumbent";
}

TEST_F(PairedJudgeTest, ALargeOrASteadyGainIsKept) {
    const Verdict large = verdict_of(experiment(1, {1.84, 1.84, 1.85}));
    EXPECT_EQ(large.decision, Decision::keep);
    EXPECT_THAT(verdict_sentence(large),
                HasSubstr("better by 0.15667 on 3 seeds: -0.15000 -0.16000 -0.16000, confidence"));
    // Half a noise unit, but the seeds agree to a twentieth.
    const Verdict steady = verdict_of(experiment(1, {1.9850, 1.9952, 2.0051}));
    EXPECT_EQ(steady.decision, Decision::keep);
}

TEST_F(PairedJudgeTest, SimplerIsKeptWhenNothingIsLost) {
    auto candidate = experiment(1, {1.993, 2.001, 2.008, 1.99}, 900);
    candidate.reference_trials = {trial(4, 1.99)};
    EXPECT_EQ(verdict_of(candidate).decision, Decision::keep);
    EXPECT_THAT(verdict_sentence(verdict_of(candidate)),
                HasSubstr("simpler, and within the noise: worse by 0.00050"));
    EXPECT_THAT(verdict_sentence(verdict_of(candidate)), HasSubstr("source -100 tokens (-10.0 %)"));
    candidate.source_tokens = 995;
    EXPECT_EQ(verdict_of(candidate).decision, Decision::discard) << "not clearly smaller";
    EXPECT_EQ(verdict_of(experiment(1, {2.02}, 900)).decision, Decision::discard) << "worse";
}

TEST_F(PairedJudgeTest, CodeAndMemoryMustBeWorthIt) {
    auto candidate = experiment(1, {1.9850, 1.9952, 2.0051}, 1100);
    EXPECT_EQ(verdict_of(candidate).decision, Decision::discard);
    EXPECT_THAT(verdict_sentence(verdict_of(candidate)),
                HasSubstr("gain below the noise for much more code"));
    candidate.source_tokens = 1000;
    candidate.trials[0].peak_memory_mb = 1600;
    EXPECT_EQ(verdict_of(candidate).decision, Decision::discard);
    EXPECT_THAT(verdict_sentence(verdict_of(candidate)), HasSubstr("gain too small for the extra memory"));
    EXPECT_THAT(verdict_sentence(verdict_of(candidate)), HasSubstr("1.6x the memory"));
    candidate = experiment(1, {1.84, 1.84, 1.85}, 1100);
    candidate.trials[0].peak_memory_mb = 1600;
    EXPECT_EQ(verdict_of(candidate).decision, Decision::keep) << "a large gain is worth both";
}

TEST_F(PairedJudgeTest, TheOriginalsRuleIsOneTrialAndLowerIsKept) {
    Settings one_trial;
    one_trial.judge = JudgeRule::plain;
    one_trial.seed = 7;
    const PairedJudge plain(one_trial);
    auto baseline = experiment(0, {2.0});
    baseline.trials[0].seed = 7;
    EXPECT_EQ(std::get<MoreTrials>(plain.judge(nullptr, Experiment{}, {})).seed, 7U);
    EXPECT_EQ(std::get<Verdict>(plain.judge(nullptr, baseline, {})).decision, Decision::keep);
    auto candidate = baseline;
    candidate.number = 1;
    for (const auto& [value, decision] :
         {std::pair{1.9999, Decision::keep}, {2.0, Decision::discard}, {2.5, Decision::discard}}) {
        candidate.trials[0].val_bpb = value;
        EXPECT_EQ(std::get<Verdict>(plain.judge(&baseline, candidate, {baseline})).decision, decision);
    }
}

TEST_F(PairedJudgeTest, DisturbedTrialsAreNeverJudged) {
    auto candidate = experiment(1, {1.5});
    candidate.trials[0].void_because = "the machine slept";
    EXPECT_EQ(seed_of(candidate), 1U);
    candidate.trials.push_back(trial(2, 1.9));
    EXPECT_EQ(seed_of(candidate), 1U) << "the seed that is missing comes first";
}

TEST_F(PairedJudgeTest, AnotherSpeedIsSaid) {
    auto candidate = experiment(1, {2.1});
    candidate.trials[0].num_steps = 80;
    EXPECT_THAT(verdict_sentence(verdict_of(candidate)), HasSubstr("; 0.80x the steps per second"));
}

/// The share kept of 10,000 simulated changes, each the last of a run of its own.
double kept(const Judge& judge, double effect, double shared, bool heavy = false) {
    std::mt19937_64 random(1);
    int count = 0;
    for (int i = 0; i < 10000; ++i) {
        SimulatedTrials world(random, shared, heavy);
        count += simulate(judge, world, 1, 1, effect).kept;
    }
    return count / 10000.0;
}

// The first experiment of a run is the hardest: three seeds are all that is known of the noise.
TEST(PairedJudgeSimulation, ChangesWithoutEffectAreKeptNoOftenerThanPromised) {
    const PairedJudge judge{Settings{}};
    for (const double shared : {0.0, 0.5, 0.98}) EXPECT_LE(kept(judge, 0, shared), 0.05) << shared;
    EXPECT_LE(kept(judge, 0, 0, true), 0.05) << "heavy tails";
    Settings sure;
    sure.confidence = 0.8;
    EXPECT_LE(kept(PairedJudge(sure), 0, 0), 0.2);
}

TEST(PairedJudgeSimulation, RealGainsAreFound) {
    const PairedJudge judge{Settings{}};
    for (const double noise_units : {1.0, 2.0, 3.0}) {
        const double alone = kept(judge, noise_units, 0), paired = kept(judge, noise_units, 0.9);
        std::printf("gain of %g noise units: kept %.3f, with seeds that share 90 %% of the noise %.3f\n",
                    noise_units, alone, paired);
        EXPECT_GT(alone, noise_units == 1 ? 0.2 : noise_units == 2 ? 0.6 : 0.9);
        EXPECT_GT(paired, noise_units == 1 ? 0.7 : 0.98);
    }
}

TEST(PairedJudgeSimulation, AWholeRunWithoutAnyEffectKeepsNoMoreThanPromised) {
    const PairedJudge judge{Settings{}};
    std::mt19937_64 random(1);
    int count = 0;
    for (int i = 0; i < 400; ++i) {
        SimulatedTrials world(random, 0.5, false);
        count += simulate(judge, world, 25, 25, 0).kept;
    }
    EXPECT_LE(count, 0.05 * 400 * 25);
}

}  // namespace
}  // namespace autoresearch

#include <gmock/gmock.h>

#include "fakes/fakes.h"
#include "judge/paired_judge.h"
#include "loop/experiment_loop.h"
#include "loop/trial_rounds.h"
#include "trial/fair_runner.h"

namespace autoresearch {
namespace {

using testing::HasSubstr;

Trial trial(double val_bpb, std::int64_t steps = 100) {
    Trial result = fakes::FakeRunner::with_bpb(val_bpb);
    result.training_seconds = 10;
    result.num_steps = steps;
    result.wall_seconds = 12;
    return result;
}

/// Says of every trial that it is sure to lose.
struct Pessimist : Curves {
    std::vector<StopThreshold> early_end(const Experiment&, std::uint64_t, const std::vector<Experiment>&,
                                         const Noise&) override {
        return {{0.3, 1.5}};
    }
    EqualSteps at_equal_steps(const Experiment&, const Experiment&) const override { return {1.5, 0.2}; }
};

class TrialRoundsTest : public testing::Test {
  protected:
    TrialRoundsTest() {
        config.budget = 10;
        config.threads = 2;
        config.device = "cpu";
        runner.answer = [this](const TrialRequest& request) {
            EXPECT_EQ(request.spec.budget, 10);
            EXPECT_EQ(request.spec.device, "cpu");
            return answers.at(runner.requests.size() - 1);
        };
    }
    /// A baseline in the ledger, with these results for the seeds from 1.
    void baseline(const std::vector<double>& values) {
        Experiment experiment;
        experiment.commit = "commit0";
        experiment.verdict.decision = Decision::keep;
        for (const double value : values) {
            experiment.trials.push_back(trial(value));
            experiment.trials.back().seed = experiment.trials.size();
        }
        ledger.all = {experiment};
        repo.sources["commit0"] = "baseline source";
        candidate.number = 1;
    }
    /// A baseline so noisy that no candidate near 2.0 is judged by fewer, and a judge that asks for no more.
    void needs_three_seeds() {
        baseline({2.02, 2.05, 1.99});
        Settings rules;
        rules.max_seeds = 3;
        judge = PairedJudge(rules);
    }
    Status run() {
        const LoopSettings settings{"", "", config, common_spec(config)};
        FairRunner fair(runner, reporter, stop, clock, config);
        return run_trials({proposer, guard, builder, fair, judge, curves},
                          {ledger, repo, reporter, stop, clock}, settings, "candidate source",
                          "/nowhere/train", ledger.all.empty() ? nullptr : &ledger.all.front(), candidate);
    }

    fakes::FakeProposer proposer;
    fakes::FakeGuard guard;
    fakes::FakeBuilder builder;
    fakes::FakeRunner runner;
    PairedJudge judge{Settings{}};
    fakes::FakeLedger ledger;
    fakes::FakeRepo repo;
    fakes::FakeReporter reporter;
    fakes::FakeStop stop;
    fakes::FakeClock clock;
    Curves* curves = nullptr;
    Settings config;
    Experiment candidate;
    std::vector<Trial> answers;
};

TEST_F(TrialRoundsTest, TheIncumbentGetsTheSeedsItLacks) {
    baseline({1.99, 2.00, 2.01});
    answers = {trial(1.97), trial(1.985), trial(2.009), trial(1.98), trial(1.99)};
    EXPECT_TRUE(run().ok());
    EXPECT_EQ(candidate.trials.size(), 4U);
    ASSERT_EQ(candidate.reference_trials.size(), 1U);
    EXPECT_EQ(candidate.reference_trials[0].seed, 4U);
    EXPECT_EQ(builder.sources, std::vector<std::string>{"baseline source"});
    EXPECT_EQ(runner.requests.back().directory, ledger.directory(0));
    EXPECT_THAT(reporter.lines, testing::Contains("1 train experiment 0, seed 4"));
    EXPECT_EQ(candidate.verdict.decision, Decision::discard);
}

TEST_F(TrialRoundsTest, AnIncumbentThatFailsIsNotTheCandidatesFault) {
    baseline({1.99});
    answers = {trial(1.97), Trial{}};
    answers[1].ending = Ending::crashed;
    answers[1].reason = "SIGSEGV";
    EXPECT_TRUE(run().ok());
    EXPECT_EQ(candidate.verdict.decision, Decision::unjudged);
    EXPECT_EQ(candidate.verdict.reason, "experiment 0 failed with seed 2: SIGSEGV");
}

TEST_F(TrialRoundsTest, AStarvedTrialIsRepeatedAfterAPauseAndNeverJudged) {
    baseline({1.99, 2.00, 2.01});
    answers = {trial(2.5), trial(2.4), trial(2.3)};
    answers[0].conditions.wait_seconds = 6;  // of 2 x 12 thread seconds
    answers[0].conditions.others_seconds = 20;
    answers[1].void_because = "the machine slept";
    EXPECT_TRUE(run().ok());
    ASSERT_EQ(candidate.trials.size(), 3U);
    EXPECT_EQ(candidate.trials[0].void_because, "other processes held the CPU for 25 % of it");
    EXPECT_NEAR(candidate.verdict.evidence.difference, 0.31, 1e-9);
    EXPECT_EQ(candidate.val_bpb(), 2.3);
    EXPECT_GE(clock.time, 30 + 120);
}

TEST_F(TrialRoundsTest, OwnThreadsThatWaitForEachOtherDisturbNothing) {
    baseline({1.99, 2.00, 2.01});
    answers = {trial(2.5)};
    answers[0].conditions.wait_seconds = 20;  // more threads than cores
    answers[0].conditions.others_seconds = 1;
    EXPECT_TRUE(run().ok());
    EXPECT_EQ(candidate.trials.size(), 1U);
}

TEST_F(TrialRoundsTest, AStarvedTrialCountsWhereTheBudgetIsCpuTime) {
    baseline({1.99, 2.00, 2.01});
    answers = {trial(2.5)};
    answers[0].conditions.wait_seconds = answers[0].conditions.others_seconds = 6;
    config.clock = ClockKind::cpu;
    EXPECT_TRUE(run().ok());
    EXPECT_EQ(candidate.trials.size(), 1U);
    EXPECT_NEAR(candidate.verdict.evidence.difference, 0.51, 1e-9);
}

TEST_F(TrialRoundsTest, ALastingLoadEndsTheExperimentWithoutAVerdictOnIt) {
    baseline({1.99, 2.00, 2.01});
    answers.assign(4, trial(2.5));
    for (Trial& each : answers) each.conditions.steal_seconds = 12;
    EXPECT_TRUE(run().ok());
    EXPECT_THAT(candidate.verdict.reason,
                HasSubstr("trial disturbed: other processes held the CPU for 50 % of it"));
    EXPECT_EQ(candidate.verdict.decision, Decision::unjudged);
    config.repeats = 0;
    candidate.trials.clear();
    runner.requests.clear();
    EXPECT_TRUE(run().ok());
    EXPECT_EQ(candidate.verdict.evidence.ground, Ground::measured) << "every trial counts when asked for";
    EXPECT_GT(candidate.verdict.evidence.difference, 0);
}

TEST_F(TrialRoundsTest, WhatDoesNotStartIsHeldAgainstTheIncumbent) {
    baseline({1.99, 2.00, 2.01});
    Trial dead;
    dead.ending = Ending::crashed;
    dead.reason = "exit code 127: libc10.so: file too short";
    dead.never_stepped = true;
    answers.assign(3, dead);
    EXPECT_EQ(run().ending(), Ending::crashed) << "the incumbent starts";
    EXPECT_EQ(builder.sources.back(), "baseline source");
    runner.first_step = [&] { return dead; };
    candidate.trials.clear();
    const Status broken = run();
    EXPECT_EQ(broken.ending(), Ending::machine);
    EXPECT_THAT(broken.failure().reason, HasSubstr("does not start either: exit code 127: libc10.so"));
    builder.answer = [](const std::string&) {
        return Failure{Ending::build_failed, "no space left on device"};
    };
    candidate.trials.clear();
    EXPECT_EQ(run().ending(), Ending::machine);
}

TEST_F(TrialRoundsTest, ACrashAfterTheFirstStepIsTheCandidates) {
    baseline({1.99, 2.00, 2.01});
    answers = {Trial{}};
    answers[0].ending = Ending::crashed;
    runner.first_step = []() -> Trial { throw std::logic_error("no look is due"); };
    EXPECT_EQ(run().ending(), Ending::crashed);
}

TEST_F(TrialRoundsTest, NoRunBeginsOnABaselineThatWasDisturbed) {
    answers.assign(4, trial(2.5));
    for (Trial& each : answers) each.void_because = "the machine slept";
    const Status status = run();
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(status.failure().reason, HasSubstr("the machine slept (4 times)"));
    EXPECT_THAT(status.failure().reason, HasSubstr("--clock cpu"));
    EXPECT_THAT(status.failure().reason, HasSubstr("--repeats 0"));
    EXPECT_EQ(status.ending(), Ending::machine) << "it is tried again";
    config.clock = ClockKind::cpu;
    runner.requests.clear();
    candidate.trials.clear();
    EXPECT_THAT(run().failure().reason, testing::Not(HasSubstr("--clock"))) << "it counts that already";
}

TEST_F(TrialRoundsTest, TheSameCodeMustReachTheSameSpeed) {
    needs_three_seeds();
    answers = {trial(2.0, 60), trial(2.0, 100), trial(2.0, 101), trial(2.0, 70), trial(2.0, 99)};
    EXPECT_TRUE(run().ok());
    ASSERT_EQ(candidate.trials.size(), 5U);
    EXPECT_EQ(candidate.trials[0].void_because, "60 % of the steps per second of a later trial");
    EXPECT_EQ(candidate.trials[2].seed, 1U) << "repeated as soon as it is known";
    EXPECT_EQ(candidate.trials[3].void_because, "69 % of the steps per second that it reached before");
    EXPECT_EQ(candidate.verdict.decision, Decision::discard) << "a gain of 0.02, a noise of 0.03";
}

TEST_F(TrialRoundsTest, WhatAnEarlierStartFinishedIsNotRunAgain) {
    needs_three_seeds();
    answers = {trial(2.0), trial(2.01), trial(1.99)};
    EXPECT_TRUE(run().ok());
    ASSERT_EQ(ledger.trials.size(), 3U);
    ledger.trials.pop_back();  // the third was in the making when the power went
    candidate.trials.clear();
    runner.requests.clear();
    answers = {trial(1.98)};
    EXPECT_TRUE(run().ok());
    ASSERT_EQ(candidate.trials.size(), 3U);
    EXPECT_EQ(candidate.trials[0].val_bpb, 2.0);
    EXPECT_EQ(candidate.trials[2].val_bpb, 1.98);
    EXPECT_EQ(runner.requests.size(), 1U);
    EXPECT_EQ(runner.requests[0].spec.seed, 3U);

    config.budget = 11;  // another trial altogether
    candidate.trials.clear();
    runner.requests.clear();
    runner.answer = [](const TrialRequest&) { return trial(2); };
    EXPECT_TRUE(run().ok());
    EXPECT_EQ(runner.requests.size(), 3U);
}

TEST_F(TrialRoundsTest, ACrashThatWasNotRecordedCountsButNotForABaseline) {
    Trial crash = trial(0);
    crash.ending = Ending::crashed;
    crash.reason = "abort";
    answers = {crash};
    EXPECT_EQ(run().ending(), Ending::crashed);
    EXPECT_TRUE(ledger.trials.empty()) << "what made the baseline crash may be fixed by the next start";
    baseline({1.99, 2.00, 2.01});
    candidate.trials.clear();
    runner.requests.clear();
    EXPECT_EQ(run().ending(), Ending::crashed);
    EXPECT_EQ(runner.requests.size(), 1U);
    candidate.trials.clear();
    runner.requests.clear();
    const Status again = run();
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.failure().reason, "abort");
    EXPECT_TRUE(runner.requests.empty());
}

TEST_F(TrialRoundsTest, AVoidCrashOfAnEarlierStartIsNotTheCandidates) {
    baseline({1.99, 2.00, 2.01});
    Trial slept = trial(0);
    slept.ending = Ending::timed_out;
    slept.void_because = "the machine slept";
    answers = {slept, trial(2.5)};
    EXPECT_TRUE(run().ok());
    ASSERT_EQ(candidate.trials.size(), 2U);
    const Decision decision = candidate.verdict.decision;
    candidate.trials.clear();
    runner.requests.clear();
    EXPECT_TRUE(run().ok());
    EXPECT_TRUE(runner.requests.empty()) << "both were saved";
    EXPECT_EQ(candidate.verdict.decision, decision);
    EXPECT_EQ(candidate.verdict.ending, Ending::ok);
}

TEST_F(TrialRoundsTest, TheWaitEndsWhenThePersonStopsTheRun) {
    baseline({1.99, 2.00, 2.01});
    answers = {trial(2.5)};
    answers[0].void_because = "the machine slept";
    stop.soon = true;
    EXPECT_EQ(run().ending(), Ending::interrupted);
    EXPECT_EQ(runner.requests.size(), 1U);
}

TEST_F(TrialRoundsTest, ATrialEndedEarlyIsADiscardAndTheOthersAreExplained) {
    baseline({1.99, 2.00, 2.01});
    Pessimist pessimist;
    curves = &pessimist;
    runner.answer = [](const TrialRequest& request) {
        Trial result;
        result.ending = Ending::ended_early;
        EXPECT_EQ(request.spec.source, "candidate source");
        EXPECT_EQ(request.spec.experiment, 1);
        result.reason = request.spec.stop.size() == 1 ? "far behind" : "";
        return result;
    };
    EXPECT_TRUE(run().ok());
    EXPECT_EQ(candidate.verdict.decision, Decision::discard);
    EXPECT_EQ(candidate.verdict.ending, Ending::ended_early);
    EXPECT_EQ(candidate.verdict.reason, "far behind");
    candidate.trials.clear();
    ledger.trials.clear();
    runner.answer = [](const TrialRequest&) { return trial(2.5); };
    EXPECT_TRUE(run().ok());
    EXPECT_EQ(candidate.verdict.evidence.equal_steps.steps, 1.5);
    EXPECT_EQ(candidate.verdict.evidence.equal_steps.loss, 0.2);
}

}  // namespace
}  // namespace autoresearch

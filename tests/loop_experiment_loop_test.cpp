#include <gmock/gmock.h>

#include <stdexcept>

#include "fakes/fakes.h"
#include "judge/paired_judge.h"
#include "loop/experiment_loop.h"
#include "trial/fair_runner.h"

namespace autoresearch {
namespace {

using fakes::FakeRunner;

Settings config_of_the_originals() {
    Settings config;
    config.judge = JudgeRule::plain;
    config.seed = 7;
    config.budget = 30;
    config.experiments = 3;
    config.repairs = 0;
    config.max_failures = 0;
    config.threads = 1;
    return config;
}

class LoopTest : public testing::Test {
  protected:
    fakes::FakeProposer proposer;
    fakes::FakeGuard guard;
    fakes::FakeBuilder builder;
    fakes::FakeRunner runner;
    PairedJudge judge{config_of_the_originals()};
    fakes::FakeLedger ledger;
    fakes::FakeRepo repo;
    fakes::FakeReporter reporter;
    fakes::FakeStop stop;
    fakes::FakeClock clock;
    LoopSettings settings{"start", "source", config_of_the_originals(),
                          common_spec(config_of_the_originals())};
    Settings& config = settings.config;

    LoopEnd run() {
        FairRunner fair(runner, reporter, stop, clock, settings.config);
        ExperimentLoop loop({proposer, guard, builder, fair, judge}, {ledger, repo, reporter, stop, clock},
                            settings);
        return loop.run();
    }
    const Experiment& experiment(std::size_t number) const { return ledger.all.at(number); }
    static Answer no_edit(const std::string& reason) {
        Answer answer;
        answer.status = Failure{Ending::no_proposal, reason};
        return answer;
    }
};

TEST_F(LoopTest, BaselineFirstThenExperimentsUntilTheBound) {
    EXPECT_EQ(run(), LoopEnd::done);
    ASSERT_EQ(ledger.all.size(), 4U);
    EXPECT_EQ(experiment(0).idea, "baseline");
    EXPECT_EQ(experiment(0).ran_on, "start");
    EXPECT_EQ(builder.sources.front(), "source");
    EXPECT_EQ(experiment(2).ran_on, "commit1");
    EXPECT_EQ(repo.branch, "commit3");
    EXPECT_EQ(proposer.calls, 3);
    EXPECT_EQ(runner.requests.front().spec.seed, 7U);
    EXPECT_EQ(runner.requests.front().spec.budget, 30);
    const std::vector<std::string> steps(reporter.lines.begin() + 3, reporter.lines.begin() + 7);
    EXPECT_EQ(steps, (std::vector<std::string>{"1 agent", "1 build", "1 train, seed 7", "1 keep"}));
}

TEST_F(LoopTest, AMachineThatFailsCostsTimeAndNothingElse) {
    settings.config.experiments = 2;
    Trial dead;
    dead.ending = Ending::crashed;
    dead.reason = "data set gone";
    dead.never_stepped = true;
    bool broken = false;
    int sleeps = 0;
    runner.answer = [&](const TrialRequest& request) {
        broken = runner.requests.size() >= 2 && sleeps == 0;
        return broken ? dead : FakeRunner::with_bpb(request.spec.source == "source" ? 2.0 : 1.5);
    };
    runner.first_step = [&] { return broken ? dead : FakeRunner::with_bpb(2.0); };
    clock.on_sleep = [&] { ++sleeps; };
    EXPECT_EQ(run(), LoopEnd::done);
    ASSERT_EQ(ledger.all.size(), 3U);
    EXPECT_EQ(proposer.calls, 2) << "the proposal that met it is tried again";
    for (const Experiment& one : ledger.all) EXPECT_NE(one.verdict.decision, Decision::crash);
    EXPECT_THAT(
        reporter.lines,
        testing::Contains(testing::HasSubstr("does not start either: data set gone; trying again in 60 s")));
}

TEST_F(LoopTest, ABaselineOnABusyMachineIsWaitedFor) {
    settings.config.experiments = 1;
    settings.config.repeats = 1;
    int trials = 0;
    runner.answer = [&](const TrialRequest&) {
        Trial trial = FakeRunner::with_bpb(2.0);
        if (++trials < 9) trial.void_because = "other processes held the CPU";
        return trial;
    };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(ledger.all.size(), 2U);
    settings.config.hours = 0.01;
    ledger.all.clear();
    ledger.trials.clear();
    trials = -1000;
    EXPECT_EQ(run(), LoopEnd::done) << "a bound ends the wait";
    EXPECT_TRUE(ledger.all.empty());
}

TEST_F(LoopTest, AProposalThatEndedTheProgramIsACrashAndNotTriedAgain) {
    config.experiments = 2;
    config.repairs = 2;
    runner.answer = [&](const TrialRequest& request) -> Trial {
        EXPECT_EQ(ledger.tried, request.spec.experiment) << "the baseline is no proposal";
        if (request.spec.experiment == 1) throw std::out_of_range("7");
        return FakeRunner::with_bpb(2.0 - 0.1 * request.spec.experiment);
    };
    EXPECT_THROW(run(), std::out_of_range);
    EXPECT_EQ(ledger.tried, 1) << "and is still known";
    ASSERT_EQ(ledger.all.size(), 1U);
    ledger.faults[1] = "number 7 of 3";
    EXPECT_EQ(run(), LoopEnd::done);
    ASSERT_EQ(ledger.all.size(), 3U);
    const Experiment& fault = experiment(1);
    EXPECT_EQ(fault.verdict.decision, Decision::crash);
    EXPECT_EQ(fault.verdict.ending, Ending::crashed);
    EXPECT_EQ(fault.verdict.reason, "autoresearch itself ended while it was tried: number 7 of 3");
    EXPECT_EQ(fault.idea, "idea 1");
    EXPECT_EQ(proposer.calls, 2) << "no repair";
    EXPECT_EQ(experiment(2).verdict.decision, Decision::keep);
    EXPECT_EQ(ledger.tried, 0);
}

TEST_F(LoopTest, ABuildThatFailsForTheMachineIsNotTheCandidates) {
    settings.config.experiments = 1;
    int full = 0;
    builder.answer = [&](const std::string&) -> Result<std::filesystem::path> {
        if (builder.sources.size() >= 2 && ++full < 5)
            return Failure{Ending::build_failed,
                           "fatal error: error writing to /tmp: No space left on device"};
        return std::filesystem::path("/nowhere/train");
    };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(ledger.all.size(), 2U);
    EXPECT_NE(experiment(1).verdict.decision, Decision::crash);
    EXPECT_EQ(proposer.calls, 1);
}

TEST_F(LoopTest, WorseIsDroppedAndTheNextStartsFromTheIncumbentAgain) {
    const double results[] = {2.0, 2.1, 2.0, 1.9};
    runner.answer = [&](const TrialRequest&) {
        return FakeRunner::with_bpb(results[runner.requests.size() - 1]);
    };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(experiment(1).verdict.decision, Decision::discard);
    EXPECT_EQ(experiment(2).verdict.decision, Decision::discard) << "equal is not better";
    EXPECT_EQ(experiment(3).verdict.decision, Decision::keep);
    EXPECT_EQ(experiment(3).ran_on, "commit0");
    EXPECT_EQ(repo.branch, "commit3");
    EXPECT_EQ(builder.sources[3], "source+3");
    EXPECT_EQ(repo.sources.size(), 4U) << "dropped experiments are commits too";
}

TEST_F(LoopTest, EveryFailureIsACrashWithItsReasonAndTheLoopGoesOn) {
    config.experiments = 5;
    proposer.answer = nullptr;
    guard.answer = [](const Proposal& p) -> Status {
        if (p.id == 1) return Failure{Ending::refused, "no"};
        return {};
    };
    builder.answer = [&](const std::string& source) -> Result<std::filesystem::path> {
        if (source == "source+2") return Failure{Ending::build_failed, "expected ';'"};
        return std::filesystem::path("/nowhere/train");
    };
    runner.answer = [&](const TrialRequest& request) {
        Trial trial = FakeRunner::with_bpb(2.0);
        if (request.directory.filename() == "3") trial.ending = Ending::timed_out, trial.reason = "too slow";
        if (request.directory.filename() == "4")
            trial.ending = Ending::not_finite, trial.reason = "loss is nan";
        if (request.directory.filename() == "5") trial.val_bpb = 1.0;
        return trial;
    };
    EXPECT_EQ(run(), LoopEnd::done);
    const Ending endings[] = {Ending::ok,        Ending::refused,    Ending::build_failed,
                              Ending::timed_out, Ending::not_finite, Ending::ok};
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(experiment(i).verdict.ending, endings[i]) << i;
    for (std::size_t i = 1; i < 5; ++i) {
        EXPECT_EQ(experiment(i).verdict.decision, Decision::crash) << i;
        EXPECT_FALSE(experiment(i).verdict.reason.empty()) << i;
    }
    EXPECT_EQ(repo.branch, "commit5");
}

TEST_F(LoopTest, GoesOnFromTheLedgerAndMendsTheBranch) {
    config.experiments = 1;
    run();
    repo.branch = "lost";
    config.experiments = 2;
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(ledger.all.size(), 3U);
    EXPECT_EQ(proposer.calls, 2);
    EXPECT_EQ(repo.branch, "commit2");
    config.experiments = 2;
    repo.branch = "lost";
    EXPECT_EQ(run(), LoopEnd::done) << "nothing left to do";
    EXPECT_EQ(repo.branch, "commit2") << "the branch follows the ledger even so";
    EXPECT_EQ(ledger.all.size(), 3U);
}

TEST_F(LoopTest, AnInterruptedExperimentIsNotRecordedAndItsProposalIsTriedAgain) {
    runner.answer = [&](const TrialRequest& request) {
        Trial trial = FakeRunner::with_bpb(2.0);
        if (request.directory.filename() == "1") trial.ending = Ending::interrupted;
        return trial;
    };
    EXPECT_EQ(run(), LoopEnd::stopped);
    EXPECT_EQ(ledger.all.size(), 1U);
    runner.answer = nullptr;
    config.experiments = 1;
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(proposer.calls, 1) << "the agent's work was not lost";
    EXPECT_EQ(experiment(1).idea, "idea 1");
}

TEST_F(LoopTest, ABaselineThatFailsEndsTheRunAndIsNotRecorded) {
    builder.answer = [](const std::string&) -> Result<std::filesystem::path> {
        return Failure{Ending::build_failed, "no such header"};
    };
    EXPECT_EQ(run(), LoopEnd::gave_up);
    EXPECT_TRUE(ledger.all.empty());
    EXPECT_NE(reporter.lines.back().find("no such header"), std::string::npos);
}

TEST_F(LoopTest, GivesUpAfterTooManyUnusableProposalsInARow) {
    config.experiments = 0;
    config.max_failures = 3;
    proposer.answer = [](const ProposalRequest&) { return no_edit("agent exited with code 1"); };
    EXPECT_EQ(run(), LoopEnd::gave_up);
    EXPECT_EQ(ledger.all.size(), 4U);
    EXPECT_NE(reporter.lines.back().find("agent exited with code 1"), std::string::npos);
}

TEST_F(LoopTest, StopsWhenAskedAndWhenTheHoursAreOver) {
    config.experiments = 0;
    config.hours = 0.5;
    clock.step = 60;
    EXPECT_EQ(run(), LoopEnd::done);
    const auto after_hours = ledger.all.size();
    EXPECT_GT(after_hours, 1U);
    config.hours = 0;
    runner.answer = [&](const TrialRequest&) {
        stop.soon = true;
        return FakeRunner::with_bpb(3.0);
    };
    EXPECT_EQ(run(), LoopEnd::stopped);
    EXPECT_EQ(ledger.all.size(), after_hours + 1) << "the current experiment is finished first";
}

TEST_F(LoopTest, AProposalMayCarryAnOlderParent) {
    proposer.answer = [](const ProposalRequest& request) {
        Proposal proposal;
        proposal.parent = "commit0";
        proposal.source = "from the baseline " + std::to_string(request.experiment);
        return Answer{proposal, {}};
    };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(experiment(3).ran_on, "commit0");
}

TEST_F(LoopTest, WhatCannotBeUsedGoesBackToTheAgentAFewTimes) {
    config.experiments = 1;
    config.repairs = 2;
    std::vector<std::string> reasons;
    proposer.answer = [&](const ProposalRequest& request) {
        if (request.rejection != nullptr) reasons.push_back(request.rejection->reason);
        if (proposer.calls == 1) return no_edit("nothing changed");
        Answer answer{fakes::FakeProposer::edit(request), {}};
        answer.proposal.source += " try " + std::to_string(proposer.calls);
        answer.proposal.agent = {"a", "m", "s", 1, 10, 0.5, false, 100, {}};
        return answer;
    };
    builder.answer = [&](const std::string& source) -> Result<std::filesystem::path> {
        if (source.ends_with("try 2")) return Failure{Ending::build_failed, "expected ';'"};
        return std::filesystem::path("/nowhere/train");
    };
    EXPECT_EQ(run(), LoopEnd::done);
    ASSERT_EQ(ledger.all.size(), 2U);
    EXPECT_EQ(reasons, (std::vector<std::string>{"nothing changed", "expected ';'"}));
    EXPECT_EQ(experiment(1).verdict.decision, Decision::keep);
    EXPECT_EQ(repo.sources["commit1"], "source+1 try 3");
    EXPECT_EQ(experiment(1).agent.calls, 2);
    EXPECT_EQ(experiment(1).agent.tokens, 200);
    EXPECT_EQ(experiment(1).agent.usd, 1);
}

TEST_F(LoopTest, ACrashInTheFirstSecondsGoesBackALateOneCounts) {
    config.experiments = 2;
    config.repairs = 1;
    proposer.answer = [&](const ProposalRequest& request) {
        Answer answer{fakes::FakeProposer::edit(request), {}};
        answer.proposal.source += " try " + std::to_string(proposer.calls);
        return answer;
    };
    runner.answer = [&](const TrialRequest& request) {
        Trial trial = FakeRunner::with_bpb(2.0);
        const auto folder = request.directory.filename();
        if (folder == "0" || (folder == "1" && runner.requests.size() == 3)) return trial;
        trial.ending = Ending::crashed;
        trial.reason = "abort";
        trial.wall_seconds = folder == "1" ? 3 : 200;
        return trial;
    };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(experiment(1).verdict.ending, Ending::ok);
    EXPECT_EQ(experiment(1).trials.size(), 1U) << "the trial of the edit that was sent back does not count";
    EXPECT_EQ(experiment(2).verdict.ending, Ending::crashed);
    EXPECT_EQ(proposer.calls, 3);
}

TEST_F(LoopTest, WhatAnEditWasRefusedForStaysTheReason) {
    config.experiments = 1;
    config.repairs = 2;
    guard.answer = [](const Proposal& p) -> Status {
        if (p.id == 1) return Failure{Ending::refused, "line 3: fork"};
        return {};
    };
    proposer.answer = [&](const ProposalRequest& request) {
        return proposer.calls == 1 ? Answer{fakes::FakeProposer::edit(request), {}}
                                   : no_edit("nothing changed");
    };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(proposer.calls, 3);
    EXPECT_EQ(experiment(1).verdict.ending, Ending::refused);
    EXPECT_EQ(experiment(1).verdict.reason, "line 3: fork");
    EXPECT_EQ(repo.sources["commit1"], "source+1");
}

}  // namespace
}  // namespace autoresearch

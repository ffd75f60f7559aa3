// Asking the agent: what is waited for, what counts as useless, what it may cost.

#include <gtest/gtest.h>

#include "fakes/fakes.h"
#include "judge/paired_judge.h"
#include "loop/experiment_loop.h"
#include "trial/fair_runner.h"

namespace autoresearch {
namespace {

using Lines = std::vector<std::string>;

/// Notes alone, and what is drawn in place.
struct Notes : fakes::FakeReporter {
    Lines live;
    void phase(int, const std::string&) override {}
    void finished(const Experiment&) override {}
    void progress(const Progress& now) override { live.push_back(now.detail); }
};

class AgentCallsTest : public testing::Test {
  protected:
    AgentCallsTest() {
        config.judge = JudgeRule::plain;
        config.experiments = 2;
        config.repairs = 0;
        config.max_failures = 1;
        config.threads = 1;
        clock.step = 0;
    }
    LoopEnd run() {
        reporter.lines.clear();
        const PairedJudge judge(config);
        FairRunner fair(runner, reporter, stop, clock, config);
        return ExperimentLoop({proposer, guard, builder, fair, judge}, {ledger, repo, reporter, stop, clock},
                              settings)
            .run();
    }
    static Answer outage(const std::string& reason = "busy", Remedy remedy = Remedy::wait) {
        Answer answer;
        answer.status = Failure{Ending::no_proposal, reason};
        answer.remedy = remedy;
        answer.proposal.agent.calls = 1;
        return answer;
    }
    static Answer edit(const ProposalRequest& request, double usd = 0, std::int64_t tokens = 0) {
        Answer answer{fakes::FakeProposer::edit(request), {}};
        answer.proposal.agent.calls = 1;
        answer.proposal.agent.usd = usd;
        answer.proposal.agent.tokens = tokens;
        return answer;
    }
    /// Answers in this order: e an edit, o an outage, i one of a missing program, u a useless answer.
    void answers(const std::string& kinds) {
        proposer.calls = 0;
        proposer.answer = [this, kinds](const ProposalRequest& request) {
            switch (kinds.at(static_cast<std::size_t>(proposer.calls - 1))) {
                case 'e':
                    return edit(request);
                case 'u':
                    return outage("useless", Remedy::ask_again);
                case 'i':
                    return outage("exit code 127", Remedy::install);
                default:
                    return outage();
            }
        };
    }

    LoopSettings settings{"start", "source", {}, {}};
    Settings& config = settings.config;
    fakes::FakeProposer proposer;
    fakes::FakeGuard guard;
    fakes::FakeBuilder builder;
    fakes::FakeRunner runner;
    fakes::FakeLedger ledger;
    fakes::FakeRepo repo;
    Notes reporter;
    fakes::FakeStop stop;
    fakes::FakeClock clock;
};

TEST_F(AgentCallsTest, AnOutageIsWaitedForLongerAndLonger) {
    answers("eoooooooe");
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(proposer.calls, 9);
    ASSERT_EQ(ledger.all.size(), 3U);
    EXPECT_EQ(ledger.all[2].verdict.decision, Decision::keep) << "no experiment was spent";
    EXPECT_EQ(ledger.all[2].agent.calls, 8);
    EXPECT_EQ(
        reporter.lines,
        (Lines{"busy; asking again in 60 s", "busy; asking again in 2 min", "busy; asking again in 4 min",
               "busy; asking again in 8 min", "busy; asking again in 16 min", "busy; asking again in 20 min",
               "busy; asking again in 20 min", "the run ends: --experiments 2 are done"}));
    EXPECT_NEAR(clock.time, (1 + 2 + 4 + 8 + 16 + 20 + 20) * 60, 7);
    EXPECT_EQ(reporter.live.front(), "asking again in 1:00");
    EXPECT_EQ(reporter.live.back(), "asking again in 0:01");
}

TEST_F(AgentCallsTest, AnAgentThatNeverWorkedIsWaitedForHalfAnHourInAll) {
    answers("oooooo");
    EXPECT_EQ(run(), LoopEnd::gave_up);
    EXPECT_EQ(proposer.calls, 6);
    EXPECT_NEAR(clock.time, 1800, 5);
    EXPECT_EQ(reporter.lines.back(), "the agent cannot work: busy");
    EXPECT_EQ(ledger.all.size(), 1U);
    proposer.calls = 0;
    proposer.answer = [&](const ProposalRequest&) { return clock.time += 600, outage("silent"); };
    EXPECT_EQ(run(), LoopEnd::gave_up);
    EXPECT_EQ(proposer.calls, 4) << "its silence counts";
}

TEST_F(AgentCallsTest, AnEarlierStartShowsThatItWorks) {
    config.experiments = 1;
    answers("e");
    EXPECT_EQ(run(), LoopEnd::done);
    config.experiments = 2;
    answers("ooooooooooooe");
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(ledger.all.size(), 3U);
    config.experiments = 3;
    settings.until = clock.time + 1e5;
    proposer.answer = [](const ProposalRequest&) {
        Answer answer = outage();
        answer.proposal.agent.name = "another";
        return answer;
    };
    EXPECT_EQ(run(), LoopEnd::gave_up) << "another agent did not";
}

TEST_F(AgentCallsTest, OnlyWhatIsUselessCountsAsAFailure) {
    config.max_failures = 2;
    config.experiments = 0;
    answers("eououou");
    EXPECT_EQ(run(), LoopEnd::gave_up);
    EXPECT_EQ(proposer.calls, 5);
    EXPECT_EQ(ledger.all.size(), 4U);
    EXPECT_EQ(reporter.lines,
              (Lines{"busy; asking again in 60 s", "busy; asking again in 60 s",
                     "2 answers of the agent in a row could not be used; the last: useless"}));
}

TEST_F(AgentCallsTest, AMissingProgramEndsTheRunAtOnceUnlessItWasThere) {
    answers("i");
    EXPECT_EQ(run(), LoopEnd::gave_up);
    EXPECT_EQ(reporter.lines, (Lines{"the agent cannot work: exit code 127"}));
    EXPECT_EQ(clock.time, 0);
    answers("eiie");
    EXPECT_EQ(run(), LoopEnd::done) << "an update replaces it";
    EXPECT_EQ(ledger.all.size(), 3U);
    config.experiments = 3;
    answers("oi");
    ledger.all.resize(1);
    ledger.proposals.clear();
    EXPECT_EQ(run(), LoopEnd::gave_up);
}

TEST_F(AgentCallsTest, AWaitEndsWithTheRun) {
    answers("oo");
    settings.until = clock.time + 90;
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_LT(clock.time, settings.until + 1);
    settings.until = 0;
    config.hours = 1.0 / 60;
    answers("oo");
    EXPECT_EQ(run(), LoopEnd::done);
    config.hours = 0;
    clock.on_sleep = [&] { stop.soon = true; };
    answers("o");
    EXPECT_EQ(run(), LoopEnd::stopped);
    EXPECT_EQ(ledger.all.size(), 1U);
}

TEST_F(AgentCallsTest, MoneyAndTokensEndTheRunBeforeTheCallThatWouldPassThem) {
    config.experiments = 0;
    config.max_cost = 1.2;
    proposer.answer = [](const ProposalRequest& request) { return edit(request, 0.5, 1000); };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(ledger.all.size(), 3U);
    EXPECT_EQ(
        reporter.lines,
        (Lines{"the run ends: --max-cost 1.2: the agent has cost $1.00, and a call costs about $0.50"}));
    config.max_cost = 0;
    config.max_tokens = 5000;
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(ledger.all.size(), 6U) << "just reached";
    config.max_tokens = 5999;
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(ledger.all.size(), 6U);
    EXPECT_EQ(
        reporter.lines,
        (Lines{"the run ends: --max-tokens 5999: the agent has used 5000, and a call uses about 1000"}));
}

TEST_F(AgentCallsTest, ACapCountsTheCallsOfTheExperimentUnderWay) {
    config.experiments = 0;
    config.repairs = 5;
    config.max_failures = 0;
    config.max_cost = 2.2;
    guard.answer = [](const Proposal& proposal) -> Status {
        if (proposal.id == 2) return Failure{Ending::refused, "no"};
        return {};
    };
    proposer.answer = [](const ProposalRequest& request) { return edit(request, 0.5); };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(proposer.calls, 4) << "one for the first experiment, three for the second";
    EXPECT_EQ(ledger.all.back().verdict.reason, "no");
    config.max_cost = 4.2;
    proposer.calls = 0;
    proposer.answer = [](const ProposalRequest&) {
        Answer answer = outage();
        answer.proposal.agent.usd = 0.5;
        return answer;
    };
    EXPECT_EQ(run(), LoopEnd::done) << "failed calls may cost too";
    EXPECT_EQ(proposer.calls, 4);
}

TEST_F(AgentCallsTest, TheFirstExperimentsCallsAreKnownToo) {
    config.experiments = 0;
    config.max_failures = 0;
    config.repairs = 5;
    config.max_cost = 6;
    guard.answer = [](const Proposal&) -> Status { return Failure{Ending::refused, "no"}; };
    ledger.all.resize(1);
    ledger.all[0].commit = "commit0";
    ledger.all[0].verdict.decision = Decision::keep;
    repo.sources["commit0"] = "source";
    proposer.answer = [](const ProposalRequest& request) { return edit(request, 4); };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(proposer.calls, 1);
    EXPECT_EQ(ledger.all.size(), 2U);
}

TEST_F(AgentCallsTest, ACostThatIsNotToldAnyMoreIsCountedAndSaid) {
    config.experiments = 0;
    config.max_cost = 26;
    const double told[] = {2, 5, 0, 0, 4, 0};
    proposer.answer = [&](const ProposalRequest& request) { return edit(request, told[proposer.calls - 1]); };
    EXPECT_EQ(run(), LoopEnd::done);
    ASSERT_EQ(ledger.all.size(), 7U);
    EXPECT_EQ(ledger.all[3].agent.usd, 5);
    EXPECT_TRUE(ledger.all[3].agent.usd_is_estimate);
    EXPECT_FALSE(ledger.all[2].agent.usd_is_estimate);
    EXPECT_EQ(
        reporter.lines,
        (Lines{"the agent did not tell what its call cost: it is counted as the last one, $5.00",
               "the agent did not tell what its call cost: it is counted as the last one, $4.00",
               "the run ends: --max-cost 26: the agent has cost $25.00, and a call costs about $5.00"}));
}

TEST_F(AgentCallsTest, TokensThatAreNotToldAnyMoreAreCountedToo) {
    config.max_tokens = 2000;
    config.repairs = 1;
    guard.answer = [&](const Proposal&) -> Status {
        if (proposer.calls == 1) return Failure{Ending::refused, "no"};
        return {};
    };
    proposer.answer = [&](const ProposalRequest& request) {
        return edit(request, 0, proposer.calls == 1 ? 700 : 0);
    };
    config.max_failures = 0;
    EXPECT_EQ(run(), LoopEnd::done);
    ASSERT_EQ(ledger.all.size(), 2U);
    EXPECT_EQ(ledger.all[1].agent.tokens, 1400) << "the second call of the same experiment";
    EXPECT_EQ(reporter.lines[1],
              "the agent did not tell what its call cost: it is counted as the last one, 700 tokens");
}

TEST_F(AgentCallsTest, ACapWithoutACostIsSaidOnce) {
    config.max_cost = 1;
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(reporter.lines, (Lines{"the agent did not tell what its call cost: no cap can count it",
                                     "the run ends: --experiments 2 are done"}));
}

TEST_F(AgentCallsTest, OutagesDoNotMakeACallCheap) {
    config.experiments = 0;
    config.max_cost = 9;
    proposer.answer = [&](const ProposalRequest& request) {
        return proposer.calls < 3 ? outage() : edit(request, 5);
    };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(ledger.all.size(), 2U);
    EXPECT_EQ(reporter.lines.back(),
              "the run ends: --max-cost 9: the agent has cost $5.00, and a call costs about $5.00");
    config.max_cost = 11;
    proposer.calls = 0;
    proposer.answer = [&](const ProposalRequest& request) {
        return edit(request, proposer.calls == 1 ? 4 : 0);
    };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(ledger.all.size(), 3U) << "5 and 4 are spent";
}

TEST_F(AgentCallsTest, WhatIsMissingIsSaidForEach) {
    config.experiments = 4;
    const double usd[] = {1, 1, 0, 1};
    proposer.answer = [&](const ProposalRequest& request) {
        return edit(request, usd[proposer.calls - 1], proposer.calls == 1 ? 9 : 0);
    };
    EXPECT_EQ(run(), LoopEnd::done);
    const std::string said = "the agent did not tell what its call cost: it is counted as the last one, ";
    EXPECT_EQ(reporter.lines, (Lines{said + "9 tokens", said + "$1.00 and 9 tokens", said + "9 tokens",
                                     "the run ends: --experiments 4 are done"}));
}

TEST_F(AgentCallsTest, AnOutageThatTellsNoCostIsFree) {
    config.experiments = 2;
    proposer.answer = [&](const ProposalRequest& request) {
        return proposer.calls == 2 ? outage() : edit(request, 5);
    };
    EXPECT_EQ(run(), LoopEnd::done);
    EXPECT_EQ(ledger.all[2].agent.usd, 5);
    EXPECT_EQ(reporter.lines,
              (Lines{"busy; asking again in 60 s", "the run ends: --experiments 2 are done"}));
}

}  // namespace
}  // namespace autoresearch

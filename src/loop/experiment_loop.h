#pragma once

#include <optional>
#include <string>

#include "contract/outside.h"
#include "contract/steps.h"

namespace autoresearch {

/// Every step of an experiment, and what the steps write to. The loop borrows them; the wiring code owns
/// them.
struct LoopParts {
    Proposer& proposer;
    Guard& guard;
    Builder& builder;
    Runner& runner;
    const Judge& judge;
    Ledger& ledger;
    Repo& repo;
    Reporter& reporter;
    const StopRequest& stop;
    const Clock& clock;
    const Curves* curves = nullptr;  // null: no early end, and no word on the curves in the verdicts
};

struct LoopSettings {
    std::string start_commit;  // parent of the baseline
    std::string start_source;  // train.cpp of the baseline
    double budget = 0;         // training seconds of one trial
    int experiments = 0;       // in all, the baseline not counted; 0: unbounded
    double hours = 0;          // from the call of run(); 0: unbounded
    int max_failures = 0;      // answers in a row without a usable edit before giving up; 0: never
    int repairs = 0;           // how often an agent may mend an edit before the experiment counts
    double until = 0;          // seconds since 1970; 0: unbounded
    double max_usd = 0;        // of the agent in the whole run; 0: unbounded
    std::int64_t max_tokens = 0;
    int threads = 1;       // CPU threads of a trial
    int repeats = 3;       // of a trial that the machine disturbed, in a row; 0: every trial counts
    double back_off = 30;  // seconds before the first of them; four times as many before each further one
};

enum class LoopEnd {
    done,     // a bound is reached: experiments, time, money or tokens
    stopped,  // the person asked
    gave_up,  // no baseline, no agent, or too many useless answers in a row
};

/// The method: propose, guard, build, run, judge, record, and again. Goes on from whatever the ledger holds.
class ExperimentLoop {
  public:
    ExperimentLoop(const LoopParts& parts, const LoopSettings& settings);
    LoopEnd run();

  private:
    std::optional<LoopEnd> reason_to_end() const;
    void follow_ledger();
    bool attempt(int number);
    Proposal starting_point(int number);
    std::optional<Failure> propose(Proposal& proposal);
    std::optional<Failure> ask(Proposal& proposal, const Failure* rejection);
    bool wait_for_agent(const Answer& answer);
    bool can_mend(const Failure& failure, const Experiment& experiment) const;
    std::optional<Failure> try_out(const Proposal& proposal, Experiment& experiment);
    std::optional<Failure> build_run_and_judge(const std::string& source, Experiment& experiment);
    void record(Experiment& experiment, const std::string& source);
    const Experiment* incumbent() const;

    LoopParts parts_;
    LoopSettings settings_;
    double started_ = 0;
    LoopEnd end_ = LoopEnd::stopped;  // of the run, when an attempt gives up
    int useless_answers_ = 0;         // in a row
    int waits_ = 0;                   // for the agent, in a row
    bool agent_works_ = false;        // it gave an edit since run() began
};

}  // namespace autoresearch

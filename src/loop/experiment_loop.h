#pragma once

#include <optional>
#include <string>

#include "contract/outside.h"
#include "contract/settings.h"
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
    Settings config;           // hours count from the call of run(); threads are no longer 0
    double until = 0;          // what config.until means, in seconds since 1970; 0: unbounded
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
    bool attempt(int number);
    std::optional<Failure> propose(Proposal& proposal);
    std::optional<Failure> ask(Proposal& proposal, const Failure* rejection);
    bool wait_for_agent(const Answer& answer, const std::string& reason);
    bool can_mend(const Failure& failure, const Experiment& experiment) const;
    std::optional<Failure> try_out(const Proposal& proposal, Experiment& experiment);
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

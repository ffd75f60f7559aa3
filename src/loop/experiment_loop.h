#pragma once

#include <optional>
#include <string>

#include "contract/outside.h"
#include "contract/settings.h"
#include "contract/steps.h"

namespace autoresearch {

/// The steps of an experiment. The loop borrows them; the wiring code owns them.
struct Steps {
    Proposer& proposer;
    Guard& guard;
    Builder& builder;
    Runner& runner;
    const Judge& judge;
    const Curves* curves = nullptr;  // null: no early end, and no word on the curves in the verdicts
};

/// What the steps' results go to, and what the loop is told from outside. Borrowed too.
struct World {
    Ledger& ledger;
    Repo& repo;
    Reporter& reporter;
    const StopRequest& stop;
    const Clock& clock;
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
    ExperimentLoop(const Steps& steps, const World& world, const LoopSettings& settings);
    LoopEnd run();

  private:
    struct Attempt;

    std::optional<LoopEnd> attempt(int number);
    Status propose(Attempt& now);
    Status guard(Attempt& now);
    Status build(Attempt& now);
    Status run_and_judge(Attempt& now);
    void record(Attempt& now);

    bool goes_back(Attempt& now, Status& status);
    Status ask(Attempt& now);
    std::optional<LoopEnd> wait_for_agent(const Answer& answer);
    std::optional<LoopEnd> reason_to_end() const;
    const std::vector<Experiment>& history() const { return world_.ledger.experiments(); }
    const Experiment* incumbent() const { return incumbent_of(history()); }

    Steps steps_;
    World world_;
    LoopSettings settings_;
    double started_ = 0;
    int useless_answers_ = 0;   // in a row
    int waits_ = 0;             // for the agent, in a row
    bool agent_works_ = false;  // it gave an edit since run() began
};

}  // namespace autoresearch

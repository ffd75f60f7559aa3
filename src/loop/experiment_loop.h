#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

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
    Curves* curves = nullptr;  // null: no early end, and no word on the curves in the verdicts
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
    Settings config;           // hours count from the call of run()
    TrialSpec spec;            // what all trials have in common
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
    /// One experiment in the making.
    struct Attempt {
        Experiment experiment;
        Proposal proposal;
        std::filesystem::path program;
        std::optional<Failure> rejection;  // why the agent has its edit back
        int repairs = 0;                   // how often it got it back
        std::optional<LoopEnd> end;        // of the run, in the middle of this experiment
        std::set<std::string> removed;     // secrets that the person was told of
    };

    std::optional<LoopEnd> attempt(int number);
    void tell_removed(const Answer& answer, Attempt& now);
    Status propose(Attempt& now);
    Status guard(Attempt& now);
    Status build(Attempt& now);
    Status run_and_judge(Attempt& now);
    void record(Attempt& now);

    bool goes_back(Attempt& now, Status& status);
    Status blame(const Failure& failure, const Attempt& now);
    // agent_calls.cpp
    Status ask(Attempt& now);
    void count_cost(AgentReport& call);
    template <class Number>
    std::vector<double> prices(Number AgentReport::* cost, const std::string& agent = "") const;
    std::optional<LoopEnd> wait_for_agent(const Answer& answer, const AgentReport& spent);
    std::optional<LoopEnd> wait_for_machine(const std::string& reason, const AgentReport& spent);
    std::optional<LoopEnd> wait(const std::string& reason, const char* what, double seconds,
                                const AgentReport& spent);
    bool agent_worked(const std::string& name) const;
    std::optional<LoopEnd> reason_to_end(const AgentReport& unrecorded = {}) const;
    std::string bound_reached(const AgentReport& unrecorded) const;
    const std::vector<Experiment>& history() const { return world_.ledger.experiments(); }
    const Experiment* incumbent() const { return incumbent_of(history()); }

    Steps steps_;
    World world_;
    LoopSettings settings_;
    double started_ = 0;
    int useless_answers_ = 0;         // in a row
    int waits_ = 0;                   // for the agent, in a row
    int machine_waits_ = 0;           // likewise
    double outage_begun_ = 0;         // when the first of them began
    bool agent_worked_ = false;       // since run() began
    std::size_t earlier_ = 0;         // experiments of earlier starts
    std::vector<AgentReport> calls_;  // each since run() began
    std::string guess_;               // what was said of the last one's cost; empty: it told it
};

}  // namespace autoresearch

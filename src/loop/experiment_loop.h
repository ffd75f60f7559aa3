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
};

struct LoopSettings {
    std::string start_commit;  // parent of the baseline
    std::string start_source;  // train.cpp of the baseline
    double budget = 0;         // training seconds of one trial
    int experiments = 0;       // in all, the baseline not counted; 0: unbounded
    double hours = 0;          // from the call of run(); 0: unbounded
    int max_failures = 0;      // experiments in a row without a usable proposal before giving up; 0: never
};

enum class LoopEnd {
    done,     // the number of experiments or the hours are reached
    stopped,  // the person asked
    gave_up,  // no baseline, or too many proposals failed in a row
};

/// The method: propose, guard, build, run, judge, record, and again. Goes on from whatever the ledger holds.
class ExperimentLoop {
  public:
    ExperimentLoop(const LoopParts& parts, const LoopSettings& settings);
    LoopEnd run();

  private:
    std::optional<LoopEnd> reason_to_end() const;
    void follow_ledger();
    std::optional<Experiment> attempt(int number);
    Proposal starting_point(int number);
    std::optional<Failure> propose(Proposal& proposal);
    std::optional<Failure> build_run_and_judge(const std::string& source, Experiment& experiment);
    std::optional<Failure> run_and_judge(const std::filesystem::path& program, Experiment& experiment);
    void record(Experiment& experiment, const std::string& source);
    const Experiment* incumbent() const;

    LoopParts parts_;
    LoopSettings settings_;
    double started_ = 0;
    int failed_proposals_ = 0;
    bool baseline_failed_ = false;
};

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "contract/result.h"

namespace autoresearch {

/// What is known of the agent's work on one proposal, all its calls together. Zero means not known.
struct AgentReport {
    std::string name;
    std::string model;
    std::string session;  // the agent's own name of its last conversation
    int calls = 0;        // how often it was started
    double seconds = 0;
    double usd = 0;
    bool usd_is_estimate = false;  // from tokens and the price in the settings
    std::int64_t tokens = 0;
    std::vector<std::string>
        ignored_files;  // what it changed in the desk besides the two files that come back
};

/// Adds what another call, or another proposal, cost.
void add_cost(AgentReport& report, const AgentReport& more);

/// An edit of train/train.cpp with its idea. It carries its parent, so it may be made long before it is
/// tried.
struct Proposal {
    int experiment = 0;
    std::string parent;  // commit whose train.cpp was edited, 40 hex digits
    std::string source;  // the whole new text of train/train.cpp
    std::string idea;    // one line
    AgentReport agent;
};

/// What the machine did to a trial. Zero or false means nothing, or not known.
struct Conditions {
    double wait_seconds = 0;   // threads of the trial ready to run while no core was free, summed
    double steal_seconds = 0;  // taken by the hypervisor, summed over the cores
    double slept_seconds = 0;  // the machine was asleep
    bool throttled = false;    // thermal pressure or low power mode
};

/// One training run of an experiment with one seed. The numbers are those of the result event.
struct Trial {
    Ending ending = Ending::no_result;
    std::string reason;  // why it did not end well; empty when ok
    std::uint64_t seed = 0;
    double val_bpb = 0;
    double training_seconds = 0;  // the trainer's clock
    double total_seconds = 0;     // the trainer's own account of its whole life
    double wall_seconds = 0;      // the harness's clock, spawn to exit
    double cpu_seconds = 0;       // user + system, of the whole process
    double peak_memory_mb = 0;
    double mfu_percent = 0;
    double tokens_m = 0;
    std::int64_t num_steps = 0;
    double num_params_m = 0;
    int depth = 0;
    Conditions conditions;
    std::string
        disturbed;  // why the machine, not the code, made this number: never judged. Empty: a fair trial

    bool counts() const { return ending == Ending::ok && disturbed.empty(); }
    double steps_per_second() const {
        return training_seconds > 0 ? static_cast<double>(num_steps) / training_seconds : 0;
    }
};

enum class Decision { keep, discard, crash };

std::string_view to_string(Decision decision);
Decision decision_from_string(std::string_view name);

struct Verdict {
    Decision decision = Decision::crash;
    Ending ending =
        Ending::ok;      // else there is no result: a crash of this kind, or a trial that was not judged
    std::string reason;  // one line for a person
    double delta = 0;    // val_bpb against the incumbent; negative is better; 0 when nothing was compared
};

/// One numbered attempt: everything the ledger keeps of it.
struct Experiment {
    int number = 0;
    std::string started;  // UTC, 2026-01-31T22:10:05Z
    std::string parent;
    std::string commit;       // its own commit under refs/autoresearch/<tag>/NNNN
    std::string source_hash;  // of the source without comments and white space, to find repeats
    int source_tokens = 0;    // how long it is; 0: not known
    std::string idea;
    AgentReport agent;
    std::vector<Trial> trials;
    std::vector<Trial> reference_trials;  // more seeds of the incumbent, run to compare with this experiment
    Verdict verdict;
    double build_seconds = 0;
    double seconds = 0;  // wall time of the whole experiment, the agent's part included

    /// Its verdict compares numbers with the incumbent's.
    bool compared() const { return number > 0 && verdict.ending == Ending::ok; }
    /// Mean val_bpb over the trials that count; 0 when there is none.
    double val_bpb() const;
    double peak_memory_mb() const;
};

/// The latest kept experiment, which the next one must beat; null when none is kept.
const Experiment* incumbent_of(const std::vector<Experiment>& experiments);

}  // namespace autoresearch

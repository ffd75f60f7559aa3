#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "autoresearch/events.h"
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
    int id = 0;          // of its folder, from 1; 0: the baseline, which nobody proposed
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

/// One training run of an experiment with one seed. The numbers are those of the result event: kTrialNumbers.
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
    std::int64_t depth = 0;
    Conditions conditions;
    std::string void_because;  // why the machine, not the code, made this number: never judged. Empty: fair

    bool counts() const { return ending == Ending::ok && void_because.empty(); }
    double steps_per_second() const {
        return training_seconds > 0 ? static_cast<double>(num_steps) / training_seconds : 0;
    }
};

/// The most steps per second of the trials that count; 0: none does.
double best_rate(const std::vector<Trial>& trials);

/// One that did not end well.
Trial failed_trial(Failure failure);

/// One number of a trial's result: its name in the ledger, in the trainer's events and summary, and how many
/// decimals the summary shows.
struct TrialNumber {
    const char* name;
    const char* event;
    int decimals;
    std::variant<double Trial::*, std::int64_t Trial::*> member;

    double value(const Trial& trial) const;
    /// A whole number is cut to what its type holds.
    void set(Trial& trial, double value) const;
};

/// The one list of them, in the summary's order.
inline constexpr TrialNumber kTrialNumbers[] = {
    {"val_bpb", events::kValBpb, 6, &Trial::val_bpb},
    {"training_seconds", events::kTrainingSeconds, 1, &Trial::training_seconds},
    {"total_seconds", events::kTotalSeconds, 1, &Trial::total_seconds},
    {"peak_memory_mb", events::kPeakVramMb, 1, &Trial::peak_memory_mb},
    {"mfu_percent", events::kMfuPercent, 2, &Trial::mfu_percent},
    {"tokens_m", events::kTotalTokensM, 1, &Trial::tokens_m},
    {"num_steps", events::kNumSteps, 0, &Trial::num_steps},
    {"num_params_m", events::kNumParamsM, 1, &Trial::num_params_m},
    {"depth", events::kDepth, 0, &Trial::depth},
};

/// The spread of val_bpb when nothing but the seed changes. No degrees of freedom: not yet known.
struct Noise {
    double sd = 0;
    int degrees = 0;
};

enum class Decision {
    keep,
    discard,
    crash,     // it has no result, by its own fault
    unjudged,  // no fair trial was to be had: nothing is known of the code, and it may be tried again
};
template <>
inline constexpr std::array<std::string_view, 4> kNames<Decision> = {"keep", "discard", "crash", "unjudged"};

/// What made a comparison a keep or a discard.
enum class Ground {
    none,             // nothing was compared
    baseline,         // the first of a run
    measured,         // the difference alone
    within_noise,     // better, but not surely
    simpler,          // less code, and nothing lost
    too_much_code,    // a gain below the noise for much more code
    too_much_memory,  // a gain too small for much more memory
};
template <>
inline constexpr std::array<std::string_view, 7> kNames<Ground> = {
    "none", "baseline", "measured", "within_noise", "simpler", "too_much_code", "too_much_memory"};

/// val_bpb against the incumbent's with the same seed; negative is better.
struct SeedDifference {
    std::uint64_t seed = 0;
    double difference = 0;
};

/// The same number of steps of candidate and incumbent, on one seed: what is left when speed is taken out.
struct EqualSteps {
    double steps = 0;  // the candidate's in the incumbent's; 0: not known
    double loss = 0;   // mean training loss over the last tenth of the shorter one, candidate less incumbent
};

/// What a verdict knows, as numbers. Sentences are made of it in src/view/sentences.h.
struct Evidence {
    Ground ground = Ground::none;
    std::vector<SeedDifference> seeds;
    double difference = 0;     // mean over the seeds; of the baseline 0
    Noise noise;               // of all repeats of the run
    double tail = 1;           // chance of such a mean or a better one when nothing is there
    double needed = 0;         // the tail below which a gain is sure; 0: no test was made
    double speed = 1;          // the candidate's steps per second in the incumbent's
    double memory = 1;         // its peak memory in the incumbent's
    int tokens = 0;            // its source tokens, those of the incumbent taken off
    int incumbent_tokens = 0;  // 0: not known
    EqualSteps equal_steps;
};

struct Verdict {
    Decision decision = Decision::crash;
    Ending ending = Ending::ok;  // else there is no comparison: how it ended instead
    std::string reason;  // of a crash, an early end or an unjudged one: why, in one line; else the words of
                         // an older version that recorded no evidence
    Evidence evidence;
};

/// One numbered attempt: everything the ledger keeps of it.
struct Experiment {
    int number = 0;
    std::string started;      // UTC, 2026-01-31T22:10:05Z
    int proposal = 0;         // the id of its proposal; 0: none
    std::string ran_on;       // the commit whose train.cpp it replaced: the parent of its own
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

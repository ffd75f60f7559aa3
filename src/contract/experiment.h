#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "autoresearch/events.h"
#include "contract/result.h"
#include "contract/settings.h"

namespace autoresearch {

/// What is known about the agent's work on one proposal, over all its calls. Zero means unknown.
struct AgentReport {
    std::string name;
    std::string model;
    std::string session;  // the agent's own name for its last conversation
    int calls = 0;        // how often it was started
    double seconds = 0;
    double usd = 0;
    bool usd_is_estimate = false;  // from tokens and the configured price
    std::int64_t tokens = 0;
    std::vector<std::string>
        ignored_files;  // what it changed in the desk besides the two files that come back
};

/// Adds the cost of another call or proposal.
void add_cost(AgentReport& report, const AgentReport& more);

/// An edit to train/train.cpp with its idea. It carries its parent, so it can be made long before it is
/// tried.
struct Proposal {
    int id = 0;          // of its folder, from 1; 0: the baseline, which nobody proposed
    std::string parent;  // commit whose train.cpp was edited, 40 hex digits
    std::string source;  // the whole new text of train/train.cpp
    std::string idea;    // one line
    AgentReport agent;
};

/// What the machine did to a trial. Zero or false means nothing, or unknown.
struct Conditions {
    double wait_seconds = 0;     // time the trial's threads were ready to run while no core was free, summed
    double steal_seconds = 0;    // taken by the hypervisor, summed over the cores
    double slept_seconds = 0;    // the machine was asleep
    bool throttled = false;      // thermal pressure or low power mode
    double others_seconds = 0;   // cores held by processes that are not the trial's, summed
    double stopped_seconds = 0;  // we were stopped or frozen, or the trial was, and may not have been told
};

/// One training run of an experiment with one seed. The numbers are those of the result event: kTrialNumbers.
struct Trial {
    Ending ending = Ending::no_result;
    std::string reason;  // why it failed; empty if ok
    std::uint64_t seed = 0;
    double val_bpb = 0;
    double training_seconds = 0;  // the trainer's clock
    double total_seconds = 0;     // the trainer's own count, from start to exit
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

    bool never_stepped = false;  // it ended before its first step; not recorded
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
    /// Clamps a whole number to what its type holds.
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

/// The spread of val_bpb when only the seed changes. No degrees of freedom: not yet known.
struct Noise {
    double sd = 0;
    int degrees = 0;
};

enum class Decision {
    keep,
    discard,
    crash,     // it has no result, through its own fault
    unjudged,  // no fair trial was possible: nothing is known about the code, and it may be tried again
};
template <>
inline constexpr std::array<std::string_view, 4> kNames<Decision> = {"keep", "discard", "crash", "unjudged"};

/// What made a comparison a keep or a discard.
enum class Ground {
    none,             // nothing was compared
    baseline,         // the first experiment of a run
    measured,         // the difference alone
    within_noise,     // better, but not surely
    simpler,          // less code at no loss
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

/// Candidate and incumbent after the same number of steps, on one seed: the difference without speed.
struct EqualSteps {
    double steps = 0;  // the candidate's, relative to the incumbent's; 0: unknown
    double loss = 0;   // mean training loss over the last tenth of the shorter run, candidate minus incumbent
};

/// What a verdict is based on, as numbers. src/view/sentences.h makes sentences from it.
struct Evidence {
    Ground ground = Ground::none;
    std::vector<SeedDifference> seeds;
    double difference = 0;     // mean over the seeds; 0 for the baseline
    Noise noise;               // over all repeats in the run
    double tail = 1;           // chance of such a mean or a better one if there is no effect
    double needed = 0;         // the tail below which a gain is sure; 0: not tested
    double speed = 1;          // the candidate's steps per second, relative to the incumbent's
    double memory = 1;         // its peak memory, relative to the incumbent's
    int tokens = 0;            // its source tokens minus the incumbent's
    int incumbent_tokens = 0;  // 0: unknown
    EqualSteps equal_steps;
};

struct Verdict {
    Decision decision = Decision::crash;
    Ending ending = Ending::ok;  // if not ok, there is no comparison: how it ended instead
    std::string reason;  // why, in one line, for a crash, an early end or unjudged; else the words of an
                         // older version that recorded no evidence
    Evidence evidence;
};

/// One numbered attempt: everything the ledger stores about it.
struct Experiment {
    int number = 0;
    std::string started;      // UTC, 2026-01-31T22:10:05Z
    int proposal = 0;         // the id of its proposal; 0: none
    std::string ran_on;       // the commit whose train.cpp it replaced: the parent of its own
    std::string commit;       // its own commit under refs/autoresearch/<tag>/NNNN
    std::string source_hash;  // of the source without comments and white space, to find repeats
    int source_tokens = 0;    // its length; 0: unknown
    std::string idea;
    AgentReport agent;
    std::vector<Trial> trials;
    std::vector<Trial> reference_trials;  // more seeds of the incumbent, for comparison with this experiment
    Verdict verdict;
    BoxKind box = BoxKind::none;  // the walls around it
    double build_seconds = 0;
    double seconds = 0;  // wall time of the whole experiment, including the agent's part

    /// Whether its verdict compares numbers with the incumbent's.
    bool compared() const { return number > 0 && verdict.ending == Ending::ok; }
    /// Mean val_bpb over the trials that count; 0 if there are none.
    double val_bpb() const;
    double peak_memory_mb() const;
};

/// The latest kept experiment, which the next one must beat; null if none is kept.
const Experiment* incumbent_of(const std::vector<Experiment>& experiments);

}  // namespace autoresearch

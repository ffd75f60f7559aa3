#pragma once

#include <cstdint>
#include <string>

#include "contract/names.h"

namespace autoresearch {

/// What a budget's seconds measure.
enum class ClockKind {
    wall,
    cpu,        // CPU time per thread, on the CPU only
    automatic,  // cpu on the CPU, elsewhere wall; settled before anything runs
};
template <>
inline constexpr std::array<std::string_view, 3> kNames<ClockKind> = {"wall", "cpu", "auto"};

/// What counts as a gain.
enum class JudgeRule {
    paired,  // more seeds until it is sure
    plain,   // one trial, lower is kept: the originals' rule
};
template <>
inline constexpr std::array<std::string_view, 2> kNames<JudgeRule> = {"paired", "plain"};

/// The walls around a candidate, its build and the agent (src/box/box.h).
enum class BoxKind {
    automatic,   // the first of these that holds here; settled before anything runs
    bubblewrap,  // Linux: namespaces
    landlock,    // Linux, where namespaces are closed: Landlock and seccomp
    seatbelt,    // macOS: sandbox-exec
    none,
};
template <>
inline constexpr std::array<std::string_view, 5> kNames<BoxKind> = {"auto", "bubblewrap", "landlock",
                                                                    "seatbelt", "none"};

/// The documents that a trial is evaluated on.
enum class Split {
    val,
    test,  // for the final number, never for a verdict
};
template <>
inline constexpr std::array<std::string_view, 2> kNames<Split> = {"val", "test"};

/// Every setting of a run with its default. The table in src/settings/table.cpp has a row for each.
struct Settings {
    std::string preset;  // configs/<preset>.json

    // data: must match a prepared data set
    std::string corpus = "torch-sources";  // name in configs/corpora.json, or a path
    int vocab_size = 8192;                 // ids, including the 4 specials
    int seq_len = 2048;                    // tokens of context
    std::int64_t eval_tokens = 2097152;    // validation tokens per evaluation
    std::string text_column;               // of parquet and jsonl; empty: the corpus' own, else "text"
    std::string separator;                 // between the documents of a text file; empty: likewise, else none
    int shards = 10;                       // training files of a corpus of numbered files
    std::string split_pattern;             // splits text for the tokenizer; empty: the originals'

    // a trial
    std::string device = "auto";  // auto, cpu, mps, cuda
    int threads = 0;              // CPU threads of the trainer; 0: all
    double budget = 300;          // training seconds
    ClockKind clock = ClockKind::automatic;
    bool counts_cpu_time() const { return clock == ClockKind::cpu; }
    std::uint64_t seed = 1;

    // limits around it, seconds
    double build_limit = 300;
    double startup_limit = 300;  // spawn to the end of the first step
    double grace = 15;           // beyond the budget, and after the result, before the watchdog
    double eval_limit = 600;
    double memory_limit = 0;  // GB for the agent, the build or a trial; 0: most of the machine's
    BoxKind box = BoxKind::automatic;

    // the verdict
    JudgeRule judge = JudgeRule::paired;
    double confidence = 0.95;    // one minus the chance that a change without effect is kept
    int baseline_seeds = 3;      // before anything is kept
    int max_seeds = 4;           // of a candidate
    double memory_factor = 1.5;  // using more than this times the incumbent's memory needs a larger gain
    bool early_end = true;       // of trials that are sure to lose
    int repeats = 3;             // of a trial that the machine disturbed, in a row; 0: every trial counts
    int confirm_seeds = 3;       // of the final number at the end of a run; 0: none

    // the agent
    std::string agent;  // name in configs/agents.json, a command, or empty: the first installed
    std::string model;
    std::string agent_args;   // extra arguments, parsed as a shell would
    std::string agent_keys;   // variables that it may see behind walls, with commas between
    std::string agent_write;  // folders that it may write to, with commas between
    double agent_limit = 600;
    int repairs = 2;         // how often an unusable edit goes back to the agent
    double token_price = 0;  // USD per million tokens, for agents that report no cost; 0: unknown

    // the run
    std::string tag;
    int experiments = 0;  // in all, not counting the baseline; 0: unlimited
    double hours = 0;     // 0: unlimited
    std::string until;    // time of day; empty: unlimited
    double max_cost = 0;  // USD spent by the agent; 0: unlimited
    std::int64_t max_tokens = 0;
    int max_failures = 5;  // agent answers in a row without a usable edit before the run gives up
};

}  // namespace autoresearch

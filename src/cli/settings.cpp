#include <limits>

#include "cli/config.h"
#include "util/text.h"

namespace autoresearch {
namespace {

constexpr bool kFrozen = true, kFree = false;
constexpr double kDay = 86400;
constexpr double kMaxInt = std::numeric_limits<int>::max();

}  // namespace

// A new setting is a member with its default in contract/config.h and a row here: flag, variable, JSON key,
// checks, run.json and --help come from the row.
const std::vector<ConfigKey>& config_keys() {
    static const std::vector<ConfigKey> kKeys = {
        {"corpus", &Config::corpus, kFrozen, "text to train on: a known name, a file, a folder"},
        {"vocab_size", &Config::vocab_size, kFrozen, "token ids, the 4 specials included", 261, 1 << 20},
        {"seq_len", &Config::seq_len, kFrozen, "tokens of context", 8, 1 << 20},
        {"eval_tokens", &Config::eval_tokens, kFrozen, "validation tokens of one evaluation", 1, 1e12},
        {"text_column", &Config::text_column, kFrozen,
         "column or field with the text, for parquet and jsonl; default: text"},
        {"separator", &Config::separator, kFrozen,
         "what stands between the documents of a text file, \\n for a line end; default: a file is a "
         "document"},
        {"shards", &Config::shards, kFrozen, "training files to fetch of a corpus in numbered files", 1, 1e6},
        {"split_pattern", &Config::split_pattern, kFrozen,
         "regular expression that cuts text before bytes are merged; default: the originals'"},
        {"device", &Config::device, kFrozen, "auto, cpu, mps or cuda", 0, 0, {"auto", "cpu", "mps", "cuda"}},
        {"threads", &Config::threads, kFrozen, "CPU threads; 0: all", 0, 4096},
        {"budget", &Config::budget, kFrozen, "training seconds of one trial", 0.1, 30 * kDay},
        {"seed", &Config::seed, kFrozen, "seed of the trials", 0, 9007199254740992},
        {"build_limit", &Config::build_limit, kFree, "seconds a build may take", 1, kDay},
        {"startup_limit", &Config::startup_limit, kFree, "seconds to the end of the first step", 1, kDay},
        {"grace", &Config::grace, kFree, "seconds beyond the budget before the watchdog ends a trial", 0.1,
         kDay},
        {"eval_limit", &Config::eval_limit, kFree, "seconds the evaluation may take", 1, kDay},
        {"memory_limit", &Config::memory_limit, kFree,
         "GB that the agent, the build or a trial may hold; 0: most of what the machine has", 0, 1e6},
        {"confirm",
         &Config::confirm,
         kFree,
         "what makes a gain: paired (more seeds until it is sure) or none (one trial, lower is kept)",
         0,
         0,
         {"paired", "none"}},
        {"confidence", &Config::confidence, kFree,
         "of a keep: one minus the chance that a change without effect is kept", 0.5, 0.9999},
        {"baseline_seeds", &Config::baseline_seeds, kFree, "trials of the baseline, to know the noise", 2,
         100},
        {"max_seeds", &Config::max_seeds, kFree, "trials of a candidate at most", 2, 100},
        {"memory_factor", &Config::memory_factor, kFree,
         "more memory than this times the best one's needs a larger gain", 1, 1e6},
        {"early_end", &Config::early_end, kFree, "end a trial that is sure to lose"},
        {"repeats", &Config::repeats, kFree,
         "how often a trial that the machine disturbed is run again; 0: it counts all the same", 0, 100},
        {"confirm_seeds", &Config::confirm_seeds, kFree,
         "fresh seeds for the final number on the test split when a run reaches its bound; 0: none", 0, 100},
        {"agent", &Config::agent, kFree, "coding agent: a name in configs/agents.json, or a command"},
        {"model", &Config::model, kFree, "model name passed to the agent"},
        {"agent_limit", &Config::agent_limit, kFree, "seconds the agent may take for one proposal", 1, kDay},
        {"agent_args", &Config::agent_args, kFree, "more arguments for the agent, as a shell reads them"},
        {"repairs", &Config::repairs, kFree,
         "how often an edit that cannot be used goes back to the agent before it counts", 0, 100},
        {"token_price", &Config::token_price, kFree,
         "USD for a million tokens, to estimate the cost of an agent that reports none", 0, 1e6},
        {"tag", &Config::tag, kFrozen, "name of the run; default: tonight's, named after the day (nov22)"},
        {"experiments", &Config::experiments, kFree,
         "stop after this many in all, the baseline not counted; 0: never", 0, kMaxInt},
        {"hours", &Config::hours, kFree, "stop after this many hours; 0: never", 0, 24 * 365},
        {"until", &Config::until, kFree, "stop at this time of day, such as 07:30"},
        {"max_cost", &Config::max_cost, kFree, "stop when the agent has cost this many USD in all; 0: never",
         0, 1e9},
        {"max_tokens", &Config::max_tokens, kFree,
         "stop when the agent has used this many tokens in all; 0: never", 0, 1e15},
        {"max_failures", &Config::max_failures, kFree,
         "answers of the agent in a row without a usable edit before giving up; 0: never", 0, kMaxInt},
    };
    return kKeys;
}

std::string flag_name(const std::string& key) {
    return "--" + replace_all(key, "_", "-");
}

std::vector<std::string> data_keys(const std::vector<std::string>& more) {
    std::vector<std::string> keys = {"corpus",      "vocab_size", "seq_len", "eval_tokens",
                                     "text_column", "separator",  "shards",  "split_pattern"};
    keys.insert(keys.end(), more.begin(), more.end());
    return keys;
}

}  // namespace autoresearch

#include <limits>

#include "settings/resolve.h"

namespace autoresearch {

constexpr double kDay = 86400;
constexpr double kMaxInt = std::numeric_limits<int>::max();

// A new setting is a member with its default in contract/settings.h, its name in the list of config.h, and a
// row here: flag, variable, JSON key, checks, run.json and --help come from these.
static std::vector<SettingKey> table() {
    constexpr auto data = SettingKey::data, frozen = SettingKey::frozen, free = SettingKey::free;
    return {
        {"preset", frozen, "settings to start from: a file of configs/"},
        {"corpus", data, "text to train on: a known name, a file, a folder"},
        {"vocab_size", data, "token ids, the 4 specials included", 261, 1 << 20},
        {"seq_len", data, "tokens of context", 8, 1 << 20},
        {"eval_tokens", data, "validation tokens of one evaluation", 1, 1e12},
        {"text_column", data, "column or field with the text, for parquet and jsonl; default: text"},
        {"separator", data, "between the documents of a text file, \\n for a line end; default: none"},
        {"shards", data, "training files to fetch of a corpus in numbered files", 1, 1e6},
        {"split_pattern", data, "cuts text before bytes are merged; default: the originals'"},
        {"device", frozen, "auto, cpu, mps or cuda", 0, 0, {"auto", "cpu", "mps", "cuda"}},
        {"threads", frozen, "CPU threads; 0: all", 0, 4096},
        {"budget", frozen, "training seconds of one trial", 0.1, 30 * kDay},
        {"clock",
         frozen,
         "what the budget counts: wall, or cpu (CPU seconds per thread, on the CPU only): for busy machines",
         0,
         0,
         {"wall", "cpu"}},
        {"seed", frozen, "seed of the trials", 0, 9007199254740992},
        {"build_limit", free, "seconds a build may take", 1, kDay},
        {"startup_limit", free, "seconds to the end of the first step", 1, kDay},
        {"grace", free, "seconds beyond the budget before the watchdog ends a trial", 0.1, kDay},
        {"eval_limit", free, "seconds the evaluation may take", 1, kDay},
        {"memory_limit", free, "GB the agent, the build or a trial may hold; 0: most of the machine's", 0,
         1e6},
        {"confirm",
         free,
         "what makes a gain: paired (more seeds until it is sure) or none",
         0,
         0,
         {"paired", "none"}},
        {"confidence", free, "one minus the chance that a change without effect is kept", 0.5, 0.9999},
        {"baseline_seeds", free, "trials of the baseline, to know the noise", 2, 100},
        {"max_seeds", free, "trials of a candidate at most", 2, 100},
        {"memory_factor", free, "more memory than this times the best one's needs a larger gain", 1, 1e6},
        {"early_end", free, "end a trial that is sure to lose"},
        {"repeats", free, "how often a disturbed trial is run again; 0: it counts all the same", 0, 100},
        {"confirm_seeds", free, "seeds for the final number when a run reaches its bound; 0: none", 0, 100},
        {"agent", free, "coding agent: a name in configs/agents.json, or a command"},
        {"model", free, "model name passed to the agent"},
        {"agent_limit", free, "seconds the agent may take for one proposal", 1, kDay},
        {"agent_args", free, "more arguments for the agent, as a shell reads them"},
        {"repairs", free, "how often an edit that cannot be used goes back to the agent", 0, 100},
        {"token_price", free, "USD for a million tokens, for an agent that reports no cost", 0, 1e6},
        {"tag", frozen, "name of the run; default: tonight's, named after the day (nov22)"},
        {"experiments", free, "stop after this many, the baseline not counted; 0: never", 0, kMaxInt},
        {"hours", free, "stop after this many hours; 0: never", 0, 24 * 365},
        {"until", free, "stop at this time of day, such as 07:30"},
        {"max_cost", free, "stop when the agent has cost this many USD in all; 0: never", 0, 1e9},
        {"max_tokens", free, "stop when the agent has used this many tokens in all; 0: never", 0, 1e15},
        {"max_failures", free, "useless answers of the agent in a row before giving up; 0: never", 0,
         kMaxInt},
    };
}

const std::vector<SettingKey>& setting_keys() {
    static const std::vector<SettingKey> kKeys = [] {
        auto keys = table();
        const nlohmann::json defaults = Settings{};
        for (auto& key : keys) key.type = defaults.at(key.name).type();
        return keys;
    }();
    return kKeys;
}

}  // namespace autoresearch

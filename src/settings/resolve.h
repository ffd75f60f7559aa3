#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "contract/settings.h"

namespace autoresearch {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Settings, preset, corpus, vocab_size, seq_len, eval_tokens,
                                                text_column, separator, shards, split_pattern, device,
                                                threads, budget, clock, seed, build_limit, startup_limit,
                                                grace, eval_limit, memory_limit, confirm, confidence,
                                                baseline_seeds, max_seeds, memory_factor, early_end, repeats,
                                                confirm_seeds, agent, model, agent_args, agent_limit, repairs,
                                                token_price, tag, experiments, hours, until, max_cost,
                                                max_tokens, max_failures)

/// One row of the table of settings: what it may be, what it means. Its type and default are those of the
/// member of Settings with this name. The flag is --name with dashes, the environment variable
/// AUTORESEARCH_NAME, the JSON key the name itself.
struct SettingKey {
    enum Kind {
        data,    // says which data set is meant; frozen too
        frozen,  // a change of it makes results incomparable, so a run keeps the value it was started with
        free,
    };
    std::string name;
    Kind kind;
    std::string help;
    double min = 0, max = 0;                // of numbers
    std::vector<std::string> choices = {};  // of texts; empty: any
    nlohmann::json::value_t type = {};      // set by setting_keys()
};

const std::vector<SettingKey>& setting_keys();
/// vocab_size -> --vocab-size
std::string flag_name(const std::string& key);

/// A text value per key name, as given by flags.
using FlagValues = std::map<std::string, std::string>;

/// Every value with the place it came from: "--budget", "AUTORESEARCH_BUDGET", "autoresearch.json", ...
struct ResolvedSettings {
    Settings values;
    std::map<std::string, std::string> origins;

    /// Was it given on the command line or by a variable?
    bool asked_for(const std::string& key) const;
};

struct SettingSources {
    FlagValues flags;
    std::map<std::string, std::string> environment;  // AUTORESEARCH_* at least
    std::filesystem::path repository;  // autoresearch.json and configs/ are looked for here; may be empty
    std::filesystem::path kit;         // configs/ that came with the program
    std::string default_preset;
};

/// Flags over environment over autoresearch.json over the preset over the defaults.
/// Throws UserError naming file, key and nearest known key for whatever is wrong.
ResolvedSettings resolve_settings(const SettingSources& sources);

/// {"budget": {"value": 300, "origin": "default"}, ...}
nlohmann::json to_json(const ResolvedSettings& config);
/// The reverse, for run.json. Throws nlohmann::json::exception when it is damaged.
ResolvedSettings resolved_from_json(const nlohmann::json& json);

/// "300 s", or "300 s cpu" where the budget counts CPU time.
std::string budget_text(const Settings& config);

/// For a run that goes on: what was recorded, but for what a flag or a variable asks for now.
/// Throws UserError when that is another value of a frozen key; what the device "auto" came to may be named.
ResolvedSettings continue_settings(const ResolvedSettings& recorded, ResolvedSettings now,
                                   const std::string& device);

}  // namespace autoresearch

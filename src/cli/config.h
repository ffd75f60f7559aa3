#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "contract/config.h"

namespace autoresearch {

/// One row of the table of settings: where it lives in Config, what it may be, what it means.
/// The flag is --name with dashes, the environment variable AUTORESEARCH_NAME, the JSON key the name itself.
struct ConfigKey {
    using Member = std::variant<std::string Config::*, int Config::*, std::int64_t Config::*,
                                std::uint64_t Config::*, double Config::*, bool Config::*>;
    const char* name;
    Member member;
    /// A change of it makes results incomparable, so a run keeps the value it was started with.
    bool frozen;
    const char* help;
    double min = 0, max = 0;                // of numbers
    std::vector<std::string> choices = {};  // of texts; empty: any
};

const std::vector<ConfigKey>& config_keys();
/// vocab_size -> --vocab-size
std::string flag_name(const std::string& key);
/// The names of the settings that say which data set is meant, and more of them.
std::vector<std::string> data_keys(const std::vector<std::string>& more = {});

/// A text value per key name, as given by flags.
using FlagValues = std::map<std::string, std::string>;

/// Every value with the place it came from: "--budget", "AUTORESEARCH_BUDGET", "autoresearch.json", ...
struct ResolvedConfig {
    Config values;
    std::map<std::string, std::string> origins;

    /// Was it given on the command line or by a variable?
    bool asked_for(const std::string& key) const;
};

struct ConfigSources {
    FlagValues flags;
    std::map<std::string, std::string> environment;  // AUTORESEARCH_* at least
    std::filesystem::path repository;  // autoresearch.json and configs/ are looked for here; may be empty
    std::filesystem::path kit;         // configs/ that came with the program
    std::string default_preset;
};

/// Flags over environment over autoresearch.json over the preset over the defaults.
/// Throws UserError naming file, key and nearest known key for whatever is wrong.
ResolvedConfig resolve_config(const ConfigSources& sources);

/// {"budget": {"value": 300, "origin": "default"}, ...}
nlohmann::json to_json(const ResolvedConfig& config);
/// The reverse, for run.json. `file` is named in errors.
ResolvedConfig resolved_from_json(const nlohmann::json& json, const std::string& file);

/// The value of a key as text, for messages.
std::string value_text(const Config& config, const ConfigKey& key);

/// For a run that goes on: what was recorded, but for what a flag or a variable asks for now.
/// Throws UserError when that is another value of a frozen key; what the device "auto" came to may be named.
ResolvedConfig continue_config(const ResolvedConfig& recorded, ResolvedConfig now, const std::string& device);

}  // namespace autoresearch

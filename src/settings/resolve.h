#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "contract/settings.h"
#include "settings/table.h"

namespace autoresearch {

/// A text value per key name, as given by flags.
using FlagValues = std::map<std::string, std::string>;

/// Every value with the place it came from: "--budget", "AUTORESEARCH_BUDGET", "autoresearch.json", ...
struct ResolvedSettings {
    Settings values;
    std::map<std::string, std::string> origins;
    std::vector<std::string> notes = {};  // for the person: old names that were used

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

/// The variables of this process.
std::map<std::string, std::string> current_environment();

/// Flags over environment over autoresearch.json over the preset over the defaults.
/// Throws UserError naming file, key and nearest known key for whatever is wrong.
ResolvedSettings resolve_settings(const SettingSources& sources);

/// {"budget": {"value": 300, "origin": "default"}, ...}
nlohmann::json to_json(const ResolvedSettings& config);
/// The reverse, for run.json. Throws std::exception when it is damaged.
ResolvedSettings resolved_from_json(nlohmann::json object);

/// For a run that goes on: what was recorded, but for what a flag or a variable asks for now.
/// Throws UserError when that is another value of a frozen key; what the device "auto" came to may be named.
ResolvedSettings continue_settings(const ResolvedSettings& recorded, ResolvedSettings now,
                                   const std::string& device);

}  // namespace autoresearch

#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "contract/settings.h"
#include "settings/table.h"

namespace autoresearch {

/// A text value per key name, as the flags gave it.
using FlagValues = std::map<std::string, std::string>;

/// Every value with its origin: "--budget", "AUTORESEARCH_BUDGET", "autoresearch.json", ...
struct ResolvedSettings {
    Settings values;
    std::map<std::string, std::string> origins;
    std::vector<std::string> notes = {};  // for the user: old names that were used

    /// Was it set on the command line or by a variable?
    bool asked_for(const std::string& key) const;
};

struct SettingSources {
    FlagValues flags;
    std::map<std::string, std::string> environment;  // AUTORESEARCH_* at least
    std::filesystem::path repository;  // where to look for autoresearch.json and configs/; may be empty
    std::filesystem::path kit;         // has the configs/ that came with the program
    std::string default_preset;
};

/// Flags over environment over autoresearch.json over the preset over the defaults.
/// For any error, throws UserError that names the file, the key and the nearest known key.
ResolvedSettings resolve_settings(const SettingSources& sources);

/// {"budget": {"value": 300, "origin": "default"}, ...}
nlohmann::json to_json(const ResolvedSettings& config);
/// The reverse, for run.json. Throws std::exception if it is damaged.
ResolvedSettings resolved_from_json(nlohmann::json object);

/// Settings for a run that continues: the recorded ones, except where a flag or a variable says otherwise
/// now. Throws UserError if that changes a frozen key; naming the device that "auto" resolved to is allowed.
ResolvedSettings continue_settings(const ResolvedSettings& recorded, ResolvedSettings now,
                                   const std::string& device);

}  // namespace autoresearch

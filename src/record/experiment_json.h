#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "contract/experiment.h"

namespace autoresearch {

/// Every field, and of an experiment its val_bpb for people and jq (derived, not read back).
nlohmann::json to_json(const Trial& trial);
nlohmann::json to_json(const Experiment& experiment);
nlohmann::json to_json(const Proposal& proposal);

/// A missing key leaves the default, so that a later version reads an old ledger. std::exception when a value
/// has the wrong type or a key is not known: going on would lose what a newer version wrote.
Experiment experiment_from_json(const nlohmann::json& json);
Proposal proposal_from_json(const nlohmann::json& json);

/// On one line without its end, or indented; bytes that are not UTF-8 are replaced.
std::string dump_line(const nlohmann::json& json);
std::string dump_indented(const nlohmann::json& json);

}  // namespace autoresearch

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "contract/experiment.h"

namespace autoresearch {

/// Changes whenever a field of the JSON below comes, goes or changes its meaning.
inline constexpr int kLedgerVersion = 1;

/// Every field, and val_bpb on top for people and jq (derived, not read back). Numbers that are not finite
/// become 0: the ending says what happened.
nlohmann::ordered_json to_json(const Trial& trial);
nlohmann::ordered_json to_json(const Experiment& experiment);
nlohmann::ordered_json to_json(const Proposal& proposal);

/// Throw std::invalid_argument that names the key when one is missing, unknown or of the wrong type.
Experiment experiment_from_json(const nlohmann::json& json);
Proposal proposal_from_json(const nlohmann::json& json);

/// On one line without its end; bytes that are not UTF-8 are replaced.
std::string dump_line(const nlohmann::ordered_json& json);

}  // namespace autoresearch

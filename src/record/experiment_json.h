#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "contract/experiment.h"

namespace autoresearch {

/// Changes when a field of the JSON below goes or changes its meaning. A new one needs no new version: an
/// older program sees a key that it does not know, and says so.
inline constexpr int kLedgerVersion = 1;

/// Every field, and val_bpb on top for people and jq (derived, not read back). Numbers that are not finite
/// become 0: the ending says what happened.
nlohmann::ordered_json to_json(const Trial& trial);
nlohmann::ordered_json to_json(const Experiment& experiment);
nlohmann::ordered_json to_json(const Proposal& proposal);

/// A missing key leaves the default, so that a later version reads an old ledger, but for number, verdict and
/// trials (experiment and source of a proposal). std::invalid_argument names the key that is missing, has the
/// wrong type, or is not known: going on would lose what a newer version wrote.
Experiment experiment_from_json(const nlohmann::json& json);
Proposal proposal_from_json(const nlohmann::json& json);

/// On one line without its end; bytes that are not UTF-8 are replaced.
std::string dump_line(const nlohmann::ordered_json& json);

}  // namespace autoresearch

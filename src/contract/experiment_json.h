#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "contract/experiment.h"
#include "contract/trial_spec.h"

namespace autoresearch {

/// Every field, plus an experiment's val_bpb for people and jq (derived, not read back).
nlohmann::json to_json(const Trial& trial);
nlohmann::json to_json(const Experiment& experiment);
nlohmann::json to_json(const Proposal& proposal);
nlohmann::json to_json(const TrialSpec& spec);

/// A missing key leaves the default, and an older version's names become today's, so that old ledgers can be
/// read. std::exception when a value has the wrong type or a key is unknown: continuing would lose what a
/// newer version wrote.
Experiment experiment_from_json(nlohmann::json json);
Proposal proposal_from_json(const nlohmann::json& json);
Trial trial_from_json(const nlohmann::json& json);
/// std::exception also when a key is missing.
TrialSpec trial_spec_from_json(const nlohmann::json& json);

/// On one line without a newline, or indented; bytes that are not UTF-8 are replaced.
std::string dump_line(const nlohmann::json& json);
std::string dump_indented(const nlohmann::json& json);

}  // namespace autoresearch

#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/run_info.h"
#include "cli/trial_parts.h"
#include "vcs/git_repo.h"

namespace autoresearch {

/// What the best experiment gains over the baseline on the test split with seeds that no verdict has seen:
/// {"experiment", "seeds", "baseline", "best", "gain", "low", "high", "val_gain", "optimism"}. low to high is
/// the 95 % interval of the gain (paired differences, Student's t); optimism is val_gain - gain.
nlohmann::ordered_json measure_final_number(const RunInfo& run, const TrialPlace& place, const GitRepo& git,
                                            const std::vector<Experiment>& experiments, int seeds,
                                            Reporter& reporter, const StopRequest& stop);

/// As one line for a person.
std::string final_number_text(const nlohmann::ordered_json& number);

/// What status and the end of a run say of the verdicts: {"noise", "degrees", "void_trials",
/// "ended_early", "saved_seconds", "final"}.
nlohmann::ordered_json summary_of_verdicts(const RunInfo& run, const std::vector<Experiment>& experiments);
/// The same in a few lines for a person.
std::string summary_text(const nlohmann::ordered_json& summary);

}  // namespace autoresearch

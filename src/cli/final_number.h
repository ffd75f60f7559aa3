#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "record/run_info.h"
#include "trial/by_hand.h"
#include "vcs/git_repo.h"

namespace autoresearch {

/// Measures the best experiment's gain over the baseline on the test split, with seeds that no verdict has
/// seen: {"experiment", "seeds", "baseline", "best", "gain", "low", "high", "val_gain", "optimism"}. low to
/// high is the 95 % interval of the gain (paired differences, Student's t); optimism is val_gain - gain.
nlohmann::ordered_json measure_final_number(const RunInfo& run, const TrialPlace& place, const GitRepo& git,
                                            const std::vector<Experiment>& experiments, int seeds,
                                            Reporter& reporter, const StopRequest& stop);

}  // namespace autoresearch

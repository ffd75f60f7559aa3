#pragma once

#include <filesystem>
#include <optional>

#include "contract/steps.h"

namespace autoresearch {

struct LoopParts;
struct LoopSettings;

/// Trials of a built program until the judge is sure: fills the experiment's trials, reference trials and
/// verdict. A trial of the program that does not end well is the experiment's failure. `incumbent` is null
/// for the baseline.
std::optional<Failure> run_trials(const LoopParts& parts, const LoopSettings& settings,
                                  const std::filesystem::path& program, const Experiment* incumbent,
                                  Experiment& experiment);

/// Why so much of the trial's time went to other work that its result says nothing; empty for a fair trial.
std::string starvation(const Trial& trial, int threads);

}  // namespace autoresearch

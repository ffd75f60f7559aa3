#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "contract/outside.h"
#include "contract/settings.h"
#include "contract/steps.h"

namespace autoresearch {

struct LoopParts;

/// Trials of a built program until the judge is sure: fills the experiment's trials, reference trials and
/// verdict. A trial of the program that does not end well is the experiment's failure. `incumbent` is null
/// for the baseline. Removes the program.
std::optional<Failure> run_trials(const LoopParts& parts, const Settings& config,
                                  const std::filesystem::path& program, const Experiment* incumbent,
                                  Experiment& experiment);

/// Runs trials, and again those that the machine disturbed, after a pause.
struct FairTrials {
    Runner& runner;
    Reporter& reporter;
    const StopRequest& stop;
    const Clock& clock;
    const Settings& config;  // its threads: as many as a trial has

    /// The trial that counts, or the one that ended it all: its ending and reason say why, and `disturbed`
    /// when it was the machine's fault. All are appended to `trials`. `what` is shown as the phase of the
    /// experiment; `rate` is the most steps per second that the same code reached before.
    Trial run(const TrialRequest& request, int experiment, const std::string& what, double rate,
              std::vector<Trial>& trials) const;
};

/// The most steps per second of the trials that count.
double best_rate(const std::vector<Trial>& trials);

}  // namespace autoresearch

#pragma once

#include <filesystem>

#include "contract/settings.h"
#include "loop/experiment_loop.h"

namespace autoresearch {

/// The trials of one experiment: asks the judge which seed comes next and runs it, the candidate's or the
/// incumbent's, until there is a verdict on `experiment`: also "unjudged", where the incumbent or the machine
/// failed. `incumbent` is null for the baseline. A failure is the candidate's own, or the person's stop; of a
/// baseline also the machine's, since no run can begin on it. Removes the programs that it used.
Status run_trials(const Steps& steps, const World& world, const LoopSettings& settings,
                  const std::string& source, const std::filesystem::path& program,
                  const Experiment* incumbent, Experiment& experiment);

/// What did not even start, or did not build for a reason outside of it, may not be at fault: a library, the
/// data or the disk may be gone. The incumbent, which worked, must get to its first step, too; else
/// Ending::machine.
Status look_at_machine(const Steps& steps, const World& world, const TrialSpec& common,
                       const Experiment& incumbent, int experiment);

}  // namespace autoresearch

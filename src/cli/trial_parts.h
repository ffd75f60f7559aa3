#pragma once

#include <memory>
#include <string>

#include "build/trainer_builder.h"
#include "cli/workspace.h"
#include "contract/outside.h"
#include "run/trial_runner.h"

namespace autoresearch {

/// What builds and runs one train.cpp: shared by run, train and replay. The references must outlive it.
struct TrialParts {
    TrainerBuilder builder;
    TrialRunner runner;
};

TrialParts make_trial_parts(const Kit& kit, const Config& config, const std::string& device,
                            const std::filesystem::path& data, Reporter& reporter, const StopRequest& stop);

/// The originals' summary block, from `---` to `depth:`.
std::string summary_block(const Trial& trial);

}  // namespace autoresearch

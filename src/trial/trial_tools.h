#pragma once

#include "trial/by_hand.h"
#include "trial/frozen_files.h"
#include "trial/trainer_builder.h"
#include "trial/trial_runner.h"

namespace autoresearch {

/// What builds and runs trials at a place: behind its walls, with its files as they were.
struct TrialTools {
    TrialTools(const TrialPlace& place, Reporter& reporter, const StopRequest& stop)
        : trainer_builder(place.kit.directory, place.config.build_limit, place.config.memory_limit, stop,
                          place.walls),
          trial_runner(place.data, reporter, stop, place.walls),
          builder(trainer_builder, place.files),
          runner(trial_runner, place.files) {}
    TrialTools(const TrialTools&) = delete;
    TrialTools& operator=(const TrialTools&) = delete;

    TrainerBuilder trainer_builder;
    TrialRunner trial_runner;
    FrozenBuilder builder;
    FrozenRunner runner;
};

}  // namespace autoresearch

#pragma once

#include "contract/outside.h"
#include "contract/steps.h"
#include "trial/frozen_files.h"
#include "trial/kit.h"
#include "trial/walls.h"

namespace autoresearch {

/// Where to build and run a train.cpp: run, train and replay settle this first.
struct TrialPlace {
    Kit kit;
    Settings config;  // settled
    std::filesystem::path data;
    std::string known;       // of the device (TrialSpec::known)
    FrozenFiles files = {};  // of a run
    Walls walls = {};
};

/// What all trials at this place have in common.
TrialSpec spec_for(const TrialPlace& place);

/// Trials outside the loop.
struct ByHand {
    std::filesystem::path directory;  // of the logs
    std::uint64_t seed = 1;           // of the first trial; each later one adds 1
    int count = 1;
    std::vector<double> shares = {};  // see TrialSpec
    Split split = Split::val;
};

/// Builds the source once, then runs a fair trial with each seed. Stops at the first trial, or the build,
/// that fails: the last trial's ending says why.
std::vector<Trial> trials_by_hand(const TrialPlace& place, const std::string& source, const ByHand& wanted,
                                  const std::string& name, Reporter& reporter, const StopRequest& stop,
                                  const Clock& clock);

/// Returns the same trials if all of them count. Otherwise throws std::runtime_error with how the last one
/// ended.
std::vector<Trial> require_good(std::vector<Trial> trials);

}  // namespace autoresearch

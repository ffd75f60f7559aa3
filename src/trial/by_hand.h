#pragma once

#include "contract/outside.h"
#include "contract/steps.h"
#include "trial/kit.h"

namespace autoresearch {

/// Where a train.cpp is built and run: what run, train and replay settle first.
struct TrialPlace {
    Kit kit;
    Settings config;  // settled
    std::filesystem::path data;
};

/// What is common to all trials at this place.
TrialSpec spec_for(const TrialPlace& place);

/// Trials outside of the loop.
struct ByHand {
    std::filesystem::path directory;  // of the logs
    std::uint64_t seed = 1;           // of the first one; the next has the next
    int count = 1;
    std::vector<double> shares = {};  // see TrialSpec
    Split split = Split::val;
};

/// One build of the source, then a fair trial with each seed. Ends with the first trial, or the build, that
/// fails: the last one's ending says why.
std::vector<Trial> trials_by_hand(const TrialPlace& place, const std::string& source, const ByHand& wanted,
                                  const std::string& name, Reporter& reporter, const StopRequest& stop,
                                  const Clock& clock);

/// The same trials when all of them count. Throws std::runtime_error with how the last one ended.
std::vector<Trial> require_good(std::vector<Trial> trials);

}  // namespace autoresearch

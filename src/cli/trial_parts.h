#pragma once

#include <filesystem>
#include <string>

#include "build/trainer_builder.h"
#include "cli/workspace.h"
#include "run/trial_runner.h"
#include "vcs/git_repo.h"

namespace autoresearch {

/// Where a train.cpp is built and run: what run, train and replay settle first.
struct TrialPlace {
    Kit kit;
    Config config;
    std::string device;  // cpu, mps, cuda
    std::filesystem::path data;
};

/// What builds and runs one train.cpp. The references given to make_trial_parts must outlive it.
struct TrialParts {
    TrainerBuilder builder;
    TrialRunner runner;
};
/// GB that the processes of one step may hold.
double memory_limit(const Config& config);
/// The working tree's train.cpp and where to try it, by the settings. UserError when there is none.
struct ByHand {
    std::string source;
    TrialPlace place;
};
ByHand settle_by_hand(const GitRepo& git, const FlagValues& flags);

/// CPU threads of a trial.
int trial_threads(const Config& config);
TrialParts make_trial_parts(const TrialPlace& place, Reporter& reporter, const StopRequest& stop);

/// A new folder of this name and the time in .autoresearch/by-hand/, where the newest ten stay.
std::filesystem::path by_hand_directory(const std::filesystem::path& repository, const std::string& name);

/// One trial outside of the loop, shown on stderr, with its logs in `directory`; a failed build is an ending
/// like any other. `trace`: see TrialRequest.
Trial trial_by_hand(const TrialPlace& place, const std::string& source, std::uint64_t seed,
                    const std::filesystem::path& directory, const std::filesystem::path& trace = {});

}  // namespace autoresearch

#pragma once

#include <filesystem>
#include <string>

#include "prepare/data/prepare.h"
#include "record/run_info.h"
#include "settings/resolve.h"
#include "trial/by_hand.h"
#include "vcs/git_repo.h"

namespace autoresearch {

/// Flags, the real environment, autoresearch.json of the repository (empty path: none) and the presets.
ResolvedSettings load_settings(const FlagValues& flags, const std::filesystem::path& repository,
                               const std::filesystem::path& kit);

/// On stderr.
void print_notes(const ResolvedSettings& config);

DataRequest data_request(const Settings& config);
/// For prepare_data, all but the progress.
PrepareOptions prepare_options(const Settings& config, const std::filesystem::path& repository,
                               const Kit& kit);

/// train/train.cpp of the working tree. UserError when there is none.
std::string working_source(const std::filesystem::path& repository);

/// The prepared data set for this configuration. Throws UserError with the command that makes it.
PreparedData require_data(const ResolvedSettings& config);

/// The data set that the run was started on. UserError when it is gone.
std::filesystem::path require_same_data(const RunInfo& run);

/// A fixed half that was rebuilt since is not an error, but a person must know. Empty when it was not.
std::string rebuilt_note(const RunInfo& run, const Kit& kit);

/// settle() on this machine, where trials run on `device`.
Settings settle_here(const Settings& asked, const std::string& device);
/// The same, where the device "auto" is what the trainer itself takes. UserError when it does not start.
Settings settle_here(const Settings& asked, const Kit& kit);

/// The working tree's train.cpp and where to try it, by the settings. UserError when there is none.
std::pair<std::string, TrialPlace> settle_by_hand(const GitRepo& git, const FlagValues& flags);

/// The root of the repository around the current directory; empty when there is none.
std::filesystem::path repository_root_or_empty();

}  // namespace autoresearch

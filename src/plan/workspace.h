#pragma once

#include <filesystem>
#include <string>

#include "prepare/corpus/prepare.h"
#include "proc/box.h"
#include "record/run_info.h"
#include "settings/resolve.h"
#include "trial/by_hand.h"
#include "vcs/git_repo.h"

namespace autoresearch {

/// Resolves flags, the real environment, the repository's autoresearch.json (empty path: none) and the
/// presets.
ResolvedSettings load_settings(const FlagValues& flags, const std::filesystem::path& repository,
                               const std::filesystem::path& kit);

/// Prints them on stderr.
void print_notes(const ResolvedSettings& config);

DataRequest data_request(const Settings& config);
/// Options for prepare_data, without the progress callback.
PrepareOptions prepare_options(const Settings& config, const std::filesystem::path& repository,
                               const Kit& kit);

/// train/train.cpp in the working tree. UserError if there is none.
std::string working_source(const std::filesystem::path& repository);

/// The prepared data set for this configuration. Throws UserError with the command that makes it.
PreparedData require_data(const ResolvedSettings& config);

/// The data set that the run started with. UserError if it is gone.
std::filesystem::path require_same_data(const RunInfo& run);

/// A note if the fixed half was rebuilt since the run began, which is no error; else empty.
std::string rebuilt_note(const RunInfo& run, const Kit& kit);

/// The kind of box that holds here. UserError where none does, or not the one asked for by name.
BoxKind require_box(BoxKind asked);

/// settle() on this machine, where trials run on `device`.
Settings settle_here(const Settings& asked, const std::string& device);
/// The same, resolving "auto" to the device the trainer picks. UserError if the trainer does not start.
Settings settle_here(const Settings& asked, const Kit& kit);

/// Where the run's experiments are run again. The flags know --no-box.
TrialPlace place_of(const RunInfo& run, const FlagValues& flags);

/// The working tree's train.cpp and where to try it, by the settings. UserError when there is none.
std::pair<std::string, TrialPlace> settle_by_hand(const GitRepo& git, const FlagValues& flags);

/// The root of the repository that contains the current directory; empty if there is none.
std::filesystem::path repository_root_or_empty();

/// What results depend on beside code, data and settings, for run.json.
std::map<std::string, std::string> this_machine(const Kit& kit);
/// What differs, for a person; empty if nothing does, or if one of them is not known.
std::string moved_note(const RunInfo& run, const Kit& kit);

}  // namespace autoresearch

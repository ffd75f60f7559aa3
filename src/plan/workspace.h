#pragma once

#include <filesystem>
#include <string>

#include "prepare/corpus/prepare.h"
#include "proc/boxed.h"
#include "record/run_info.h"
#include "settings/resolve.h"
#include "trial/by_hand.h"
#include "trial/walls.h"
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

/// A note if the fixed half was rebuilt since the run began, which is no error; else empty.
std::string rebuilt_note(const RunInfo& run, const Kit& kit);

/// The kind of box that holds here. UserError where none does, or not the one asked for by name.
BoxKind require_box(BoxKind asked);
/// A note if the GPU takes the plain path in this run; else empty.
std::string path_note(const RunInfo& run);

/// settle() on this machine, where trials run on `device`.
Settings settle_here(const Settings& asked, const std::string& device);

struct DeviceFacts {
    std::string device;  // cpu, mps, cuda: what "auto" comes to
    std::string known;   // TrialSpec::known
};
/// The walls around a build or a trial by these settings, of this kind.
Walls walls_here(const Kit& kit, const Settings& asked, BoxKind kind);

/// Measures the device that these settings ask for with the shipped trainer, where trials will run: behind
/// their walls. No candidate has a say. Takes seconds. UserError if the trainer does not start, if the device
/// computes wrong results, or if only the walls keep it away.
DeviceFacts measure_device(const Settings& asked, const Walls& walls);

/// Where trials of a run happen. What is measured and hashed once for all of them, the run gets now if it has
/// none: a new one, and one of an older version. UserError if its data is gone or not what it began with. Of
/// `flags`, --no-box counts here; a run that goes on has the others in its settings.
TrialPlace place_of(RunInfo& run, const Kit& kit, const FlagValues& flags = {});

/// Where trials by these settings happen. UserError when there is no data.
TrialPlace place_by_hand(const ResolvedSettings& config, const Kit& kit);
/// The same with the working tree's train.cpp.
std::pair<std::string, TrialPlace> settle_by_hand(const GitRepo& git, const FlagValues& flags);

/// The root of the repository that contains the current directory; empty if there is none.
std::filesystem::path repository_root_or_empty();

/// What results depend on beside code, data and settings, for run.json.
std::map<std::string, std::string> this_machine(const Kit& kit);
/// What differs, for a person; empty if nothing does, or if one of them is not known.
std::string moved_note(const RunInfo& run, const Kit& kit);

}  // namespace autoresearch

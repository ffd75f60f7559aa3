#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "prepare/data/prepare.h"
#include "record/run_info.h"
#include "settings/resolve.h"

namespace autoresearch {

/// What a candidate is built against, frozen when the project was built: headers, libraries, the build
/// script.
struct Kit {
    std::filesystem::path directory;
    std::filesystem::path torch;  // the installed torch package
    std::string torch_version;
    std::string compiler;
    std::string hash;  // of headers, sources and build script: changes when the fixed half does
};

/// The folder `kit` beside the program, or $AUTORESEARCH_KIT. UserError when it is not there.
Kit open_kit();

/// $XDG_CACHE_HOME/autoresearch, else ~/.cache/autoresearch.
std::filesystem::path cache_root();
/// $AUTORESEARCH_DATA, else data/ below the cache: one folder per prepared data set.
std::filesystem::path data_root();

/// Flags, the real environment, autoresearch.json of the repository (empty path: none) and the presets.
ResolvedSettings load_settings(const FlagValues& flags, const std::filesystem::path& repository,
                               const std::filesystem::path& kit);

/// On stderr.
void print_notes(const ResolvedSettings& config);

DataRequest data_request(const Settings& config);

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

/// What `train --probe` prints: device, torch version, threads, memory. Throws UserError when it does not
/// start.
nlohmann::json probe_trainer(const Kit& kit, const std::vector<std::string>& flags = {"--probe"});

/// The root of the repository around the current directory; empty when there is none.
std::filesystem::path repository_root_or_empty();

/// A file of the repository where it has one of that name, else the one that came with the program.
std::filesystem::path shipped_file(const std::filesystem::path& repository, const Kit& kit,
                                   const std::string& name);

}  // namespace autoresearch

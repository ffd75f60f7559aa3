#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/config.h"
#include "prepare/data/prepare.h"

namespace autoresearch {

/// What a candidate is built against, frozen when the project was built: headers, libraries, the build
/// script.
struct Kit {
    std::filesystem::path directory;
    std::filesystem::path torch;  // the installed torch package
    std::string torch_version;
    std::filesystem::path python;  // of the project's .venv, which has pyarrow
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
ResolvedConfig load_config(const FlagValues& flags, const std::filesystem::path& repository,
                           const std::filesystem::path& kit);

DataRequest data_request(const Config& config);
/// For prepare_data, all but the progress.
PrepareOptions prepare_options(const Config& config, const std::filesystem::path& repository, const Kit& kit);

/// train/train.cpp of the working tree. UserError when there is none.
std::string working_source(const std::filesystem::path& repository);

/// The prepared data set for this configuration. Throws UserError with the command that makes it.
PreparedData require_data(const ResolvedConfig& config);

/// cpu, mps or cuda: what the setting "auto" comes to on this machine, as the trainer itself sees it; other
/// values as they are. Throws UserError when the trainer does not start, and for a device that the clock is
/// not for.
std::string resolve_device(const Config& config, const Kit& kit);

/// What `train --probe` prints: device, torch version, threads, memory. Throws UserError when it does not
/// start.
nlohmann::json probe_trainer(const Kit& kit, const std::vector<std::string>& flags = {"--probe"});

/// The root of the repository around the current directory; empty when there is none.
std::filesystem::path repository_root_or_empty();

/// A file of the repository where it has one of that name, else the one that came with the program.
std::filesystem::path shipped_file(const std::filesystem::path& repository, const Kit& kit,
                                   const std::string& name);

}  // namespace autoresearch

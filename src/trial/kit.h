#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace autoresearch {

struct Walls;

/// What a candidate is built against, frozen when the project was built: headers, libraries, build script.
struct Kit {
    std::filesystem::path directory;
    std::filesystem::path torch;  // the installed torch package
    std::string torch_version;
    std::filesystem::path python;  // the project's .venv one, which has pyarrow
    std::string compiler, compiler_version;
    std::string hash;  // of headers, sources and build script: changes with the fixed half
};

/// The folder `kit` next to the program, or $AUTORESEARCH_KIT. UserError if it is missing.
Kit open_kit();

/// The files that make or run a trial, below the kit's folder: recipe, headers (one precompiled), library,
/// versions; and the folders that compiler and loader search, where nothing may be added. Kit::hash is the
/// same on every machine; these may differ.
std::vector<std::filesystem::path> files_of(const Kit& kit);

/// The repository's file of that name if it has one, else the one that came with the program.
std::filesystem::path shipped_file(const std::filesystem::path& repository, const Kit& kit,
                                   const std::string& name);

/// What the shipped trainer prints last, as JSON, such as with --probe; with all rights, or behind a trial's
/// walls. Throws UserError if it does not start.
nlohmann::json probe_trainer(const Kit& kit, const std::vector<std::string>& flags = {"--probe"},
                             const Walls* walls = nullptr);

}  // namespace autoresearch

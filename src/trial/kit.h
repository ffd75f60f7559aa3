#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

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

/// A file of the repository where it has one of that name, else the one that came with the program.
std::filesystem::path shipped_file(const std::filesystem::path& repository, const Kit& kit,
                                   const std::string& name);

/// What `train --probe` prints: device, torch version, threads, memory. Throws UserError when it does not
/// start.
nlohmann::json probe_trainer(const Kit& kit, const std::vector<std::string>& flags = {"--probe"});

}  // namespace autoresearch

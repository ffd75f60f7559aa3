#pragma once

#include <filesystem>
#include <string>

#include "settings/resolve.h"
#include "trial/kit.h"

namespace autoresearch {

/// Whoever clones a stranger's repository must not run their commands: the programs that its files name run
/// only once the person has said so, for exactly this content.
struct NamedPrograms {
    std::string text;    // one line for each thing that runs programs, for a person; empty: there is none
    bool needs = false;  // files of the repository named some of it
};

/// `config`: what this run goes by; `asked`: what the person gave this time.
NamedPrograms named_programs(const ResolvedSettings& config, const ResolvedSettings& asked,
                             const std::filesystem::path& repository, const Kit& kit);

/// Was this content, or less, trusted before?
bool is_trusted(const NamedPrograms& programs);
/// UserError with the content if it was not.
void require_trust(const NamedPrograms& programs);
/// Remembers it, in the user's own folder.
void trust(const NamedPrograms& programs);

/// configs/agents.json: the repository's once it is trusted, else the one that came with the program.
std::filesystem::path agents_file(const std::filesystem::path& repository, const Kit& kit, bool trusted);

}  // namespace autoresearch

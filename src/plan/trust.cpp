#include "plan/trust.h"

#include "autoresearch/error.h"
#include "settings/places.h"
#include "util/atomic_file.h"
#include "util/hash.h"
#include "util/text.h"

namespace autoresearch {

namespace fs = std::filesystem;

constexpr const char* kAgents = "configs/agents.json";
constexpr const char* kBuiltIn = "tuner";  // is ours, whoever names it

static fs::path place_of(const NamedPrograms& programs) {
    return cache_root() / "trusted" / hex(xxh64(programs.text));
}

NamedPrograms named_programs(const ResolvedSettings& config, const ResolvedSettings& asked,
                             const fs::path& repository, const Kit& kit) {
    NamedPrograms programs;
    const auto add = [&](const char* key, const std::string& value) {
        if (value.empty()) return;
        programs.text += std::string(key) + " = " + clean_line(value, 2000) + "\n";
        programs.needs = programs.needs || (value != kBuiltIn && !asked.asked_for(key));
    };
    add("agent", config.values.agent);
    add("agent_args", config.values.agent_args);
    add("agent_keys", config.values.agent_keys);
    add("agent_write", config.values.agent_write);
    if (config.values.box == BoxKind::none) add("box", "none");
    const auto own = try_read_file(repository / kAgents), ours = try_read_file(kit.directory / kAgents);
    if (own && own != ours) {
        programs.text += std::string(kAgents) +
                         ", which differs from the one that came with autoresearch: hash " +
                         hex(xxh64(*own)) + "\n";
        programs.needs = true;
    }
    return programs;
}

bool is_trusted(const NamedPrograms& programs) {
    return !programs.needs || fs::exists(place_of(programs));
}

void require_trust(const NamedPrograms& programs) {
    if (is_trusted(programs)) return;
    throw UserError("this repository names programs to run on this machine:\n  " +
                        replace_all(std::string(trim(programs.text)), "\n", "\n  "),
                    "read them, then start a run once with --trust; or name your own agent with --agent");
}

void trust(const NamedPrograms& programs) {
    if (programs.text.empty()) return;
    const fs::path file = place_of(programs);
    fs::create_directories(file.parent_path());
    write_file_atomically(file, programs.text);
}

fs::path agents_file(const fs::path& repository, const Kit& kit, bool trusted) {
    return trusted ? shipped_file(repository, kit, kAgents) : kit.directory / kAgents;
}

}  // namespace autoresearch

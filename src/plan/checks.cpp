#include "plan/checks.h"

#include <spdlog/fmt/fmt.h>

#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "plan/disk.h"
#include "plan/trust.h"
#include "plan/workspace.h"
#include "proc/platform.h"
#include "settings/places.h"
#include "vcs/git_repo.h"

namespace autoresearch {

namespace fs = std::filesystem;

std::vector<AgentAdapter> all_agents(const ResolvedSettings& config) {
    const Kit kit = open_kit();
    const fs::path root = repository_root_or_empty();
    require_trust(named_programs(config, config, root, kit));
    return read_agents(agents_file(root, kit, true));
}

AgentAdapter wanted_agent(const std::vector<AgentAdapter>& agents, const ResolvedSettings& config) {
    const std::string &named = config.values.agent, &model = config.values.model;
    AgentAdapter agent = find_agent(agents, named.empty() ? default_agent(agents, model) : named);
    if (!is_installed(agent))
        throw UserError("agent " + agent.name + " is not installed: there is no program \"" + agent.program +
                        "\" on PATH");
    return agent;
}

namespace {

ResolvedSettings settings(const FlagValues& flags) {
    return load_settings(flags, repository_root_or_empty(), open_kit().directory);
}

std::string look_at_machine(const FlagValues&) {
    return fmt::format("{} cores, {} GiB", platform::cores(), platform::memory_bytes() >> 30);
}

std::string look_at_processes(const FlagValues&) {
    const std::string text = "a trial or an agent ends with all that it started";
    return platform::adopts_orphans() ? text : text + ", except a daemon that hides from its parent";
}

std::string look_at_box(const FlagValues& flags) {
    const BoxKind asked = settings(flags).values.box;
    if (asked == BoxKind::none) return "no walls (--no-box): candidates run with all of your rights";
    const BoxKind kind = require_box(asked);
    const std::string open = open_ends(kind);
    return fmt::format("{} holds{}", to_string(kind), open.empty() ? "" : "; not covered: " + open);
}

std::string look_at_kit(const FlagValues&) {
    const Kit kit = open_kit();
    return kit.directory.string() + ", compiler " + kit.compiler;
}

std::string look_at_trainer(const FlagValues& flags) {
    const Settings asked = settings(flags).values;
    const auto kind = find_box(asked.box);
    const Walls walls = walls_here(open_kit(), asked, kind.ok() ? kind.value() : BoxKind::none);
    const nlohmann::json probe = nlohmann::json::parse(measure_device(asked, walls).known);
    return fmt::format("device {} computes correctly, torch {}, {} threads",
                       probe.at("device").get<std::string>(), probe.at("torch").get<std::string>(),
                       probe.at("threads").get<int>());
}

std::string look_at_repository(const FlagValues&) {
    const GitRepo git = GitRepo::open(".");
    const std::string note = git.is_committed() ? "" : "; train/train.cpp has uncommitted changes";
    return git.workdir().string() + " at " + git.head().substr(0, 7) + note;
}

PrepareOptions to_prepare(const ResolvedSettings& config) {
    return prepare_options(config.values, repository_root_or_empty(), open_kit());
}

std::string look_at_data(const FlagValues& flags) {
    const ResolvedSettings config = settings(flags);
    if (!find_prepared(data_request(config.values), data_root()))
        check_request(to_prepare(config));  // otherwise `prepare` would not help
    const PreparedData data = require_data(config);
    return "preset " + config.values.preset + ": data set " + data.meta.fingerprint + ", corpus " +
           data.meta.corpus;
}

/// Never fails, because only some corpora need the reader: look_at_data fails for those.
std::string look_at_parquet(const FlagValues& flags) {
    try {
        check_parquet_reader(to_prepare(settings(flags)).parquet_reader);
        return "parquet files can be read";
    } catch (const UserError& error) {
        return std::string(error.what()) + "; " + error.hint();
    }
}

/// The trainer's memory forecast for its sizes on the preset's data.
std::string look_at_memory(const FlagValues& flags) {
    const ResolvedSettings config = settings(flags);
    std::string data;
    try {
        data = require_data(config).directory.string();
    } catch (const UserError&) {  // look_at_data says what is wrong
        return "no forecast until the data for preset " + config.values.preset + " is prepared";
    }
    const nlohmann::json forecast =
        probe_trainer(open_kit(), {"--forecast", "--data", data, "--device", config.values.device});
    const double needed = forecast.at("memory_mb"), available = forecast.at("available_mb");
    const int rows = forecast.at("rows"), wanted = forecast.at("rows_wanted");
    const std::string text =
        fmt::format("a trial needs about {:.0f} MiB of the {:.0f} it may use, {} rows at a time", needed,
                    available, rows);
    if (needed > available)
        throw UserError(text, "use a smaller model, context or vocabulary: see train/train.cpp");
    return rows < wanted ? text + fmt::format(" ({} do not fit)", wanted) : text;
}

std::string look_at_agents(const FlagValues& flags) {
    const ResolvedSettings config = settings(flags);
    const auto agents = all_agents(config);
    wanted_agent(agents, config);
    return installed_names(agents) + "tuner (built in); without --agent a run uses " + default_agent(agents);
}

std::string look_at_disk(const FlagValues&) {
    const double free = free_gib(cache_root());
    const std::string text = fmt::format("{:.1f} GiB free", free);
    if (free < 2)
        throw UserError(text + " in " + cache_root().string(),
                        "free some space: data sets and logs need about 2 GiB");
    return text;
}

}  // namespace

const std::vector<Check>& checks_of_this_machine() {
    static const std::vector<Check> kChecks = {
        {"machine", look_at_machine}, {"processes", look_at_processes},
        {"box", look_at_box},         {"kit", look_at_kit},
        {"trainer", look_at_trainer}, {"repository", look_at_repository},
        {"parquet", look_at_parquet}, {"data", look_at_data},
        {"memory", look_at_memory},   {"agents", look_at_agents},
        {"disk", look_at_disk}};
    return kChecks;
}

}  // namespace autoresearch

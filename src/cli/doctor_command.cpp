#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "plan/disk.h"
#include "plan/trust.h"
#include "plan/workspace.h"
#include "proc/platform.h"
#include "proc/signals.h"
#include "propose/agents.h"
#include "propose/test_call.h"
#include "settings/places.h"
#include "settings/settle.h"
#include "util/atomic_file.h"
#include "vcs/git_repo.h"
#include "view/terminal_reporter.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

// Each check reports in one line what it found; an exception says why this machine is not ready.

std::string look_at_machine(const FlagValues&) {
    return fmt::format("{} cores, {} GiB", platform::cores(), platform::memory_bytes() >> 30);
}

std::string look_at_processes(const FlagValues&) {
    const std::string text = "a trial or an agent ends with all that it started";
    return platform::adopts_orphans() ? text : text + ", except a daemon that hides from its parent";
}

std::string look_at_kit(const FlagValues&) {
    const Kit kit = open_kit();
    return kit.directory.string() + ", compiler " + kit.compiler;
}

std::string look_at_trainer(const FlagValues&) {
    const nlohmann::json probe = probe_trainer(open_kit());
    const std::string self_check = probe.at("self_check");
    if (self_check != "ok")
        throw UserError("the device fails its self-check: " + self_check, "use --device cpu");
    return fmt::format("device {} computes correctly, torch {}, {} threads",
                       probe.at("device").get<std::string>(), probe.at("torch").get<std::string>(),
                       probe.at("threads").get<int>());
}

std::string look_at_repository(const FlagValues&) {
    const GitRepo git = GitRepo::open(".");
    const std::string note = git.is_committed() ? "" : "; train/train.cpp has uncommitted changes";
    return git.workdir().string() + " at " + git.head().substr(0, 7) + note;
}

ResolvedSettings settings(const FlagValues& flags) {
    return load_settings(flags, repository_root_or_empty(), open_kit().directory);
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

/// Asks none that only a stranger's repository names whether it is there: that starts it.
std::vector<AgentAdapter> all_agents(const ResolvedSettings& config) {
    const Kit kit = open_kit();
    const fs::path root = repository_root_or_empty();
    require_trust(named_programs(config, config, root, kit));
    return read_agents(agents_file(root, kit, true));
}

/// The one that the settings name, or a run would use.
AgentAdapter wanted_agent(const std::vector<AgentAdapter>& agents, const ResolvedSettings& config) {
    const std::string &named = config.values.agent, &model = config.values.model;
    AgentAdapter agent = find_agent(agents, named.empty() ? default_agent(agents, model) : named);
    if (!is_installed(agent))
        throw UserError("agent " + agent.name + " is not installed: there is no program \"" + agent.program +
                        "\" on PATH");
    return agent;
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

/// What one real call of the agent gives: the evening's test.
int call_agent(const Arguments& arguments) {
    const Kit kit = open_kit();
    const fs::path root = repository_root_or_empty();
    const ResolvedSettings asked = settings(arguments.settings);
    const Settings config = settle_here(asked.values, kit);
    const std::string source = working_source(root);
    AgentProposerOptions options{.desk = {.parent = {},
                                          .program = shipped_file(root, kit, "program.md"),
                                          .kit = kit.directory,
                                          .experiments = {}},
                                 .agent = wanted_agent(all_agents(asked), asked),
                                 .settings = config,
                                 .budget = budget_text(config),
                                 .self = platform::self()};
    std::string folder = (fs::temp_directory_path() / "autoresearch-call-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr)
        throw_errno("cannot make a folder in " + fs::temp_directory_path().string());
    const SignalStop stop;
    if (!arguments.json)
        fmt::print("calling agent {}, for at most {:g} s; what it prints: {}\n", options.agent.name,
                   config.agent_limit, folder);
    const Answer answer = make_test_call(std::move(options), source, folder, stop);
    const AgentReport& report = answer.proposal.agent;
    for (const std::string& name : answer.removed)
        std::cerr << "note: removed the value of " << name << " from what the agent was told or wrote\n";
    const bool works = answer.status.ok();
    using Json = nlohmann::ordered_json;
    const auto if_told = [](bool told, const Json& value) { return told ? value : Json(); };
    const Json result{
        {"works", works},
        {"edit", works ? "idea: " + answer.proposal.idea : "none: " + answer.status.failure().reason},
        {"exit_code", if_told(answer.exit_code >= 0, answer.exit_code)},
        {"message", answer.said},
        {"tokens", if_told(report.tokens > 0, report.tokens)},
        {"usd", if_told(report.usd > 0, report.usd)},
        {"seconds", std::round(10 * report.seconds) / 10}};
    if (arguments.json) {
        std::cout << result.dump(2) << "\n";
    } else {
        for (const auto& [key, value] : result.items())
            fmt::print("{:<9}  {}\n", key,
                       value.is_null()     ? "not told"
                       : value.is_string() ? value.get<std::string>()
                                           : value.dump());
    }
    return works ? 0 : 1;
}

constexpr std::pair<const char*, std::string (*)(const FlagValues&)> kLooks[] = {
    {"machine", look_at_machine}, {"processes", look_at_processes},   {"kit", look_at_kit},
    {"trainer", look_at_trainer}, {"repository", look_at_repository}, {"parquet", look_at_parquet},
    {"data", look_at_data},       {"memory", look_at_memory},         {"agents", look_at_agents},
    {"disk", look_at_disk}};

int examine(const Arguments& arguments) {
    if (arguments.call) return call_agent(arguments);
    const FlagValues& flags = arguments.settings;
    const bool json = arguments.json;
    bool ready = true;
    auto checks = nlohmann::ordered_json::array();
    const bool color = output_style(STDOUT_FILENO).color;
    for (const auto& [name, look] : kLooks) {
        std::string detail, fix;
        bool ok = false;
        try {
            detail = look(flags);
            ok = true;
        } catch (const UserError& error) {
            detail = error.what();
            fix = error.hint();
        } catch (const std::exception& error) {
            detail = error.what();
        }
        ready = ready && ok;
        checks.push_back({{"name", name}, {"ok", ok}, {"detail", detail}, {"fix", fix}});
        if (json) continue;
        const std::string mark = ok ? "ok  " : "FAIL";
        fmt::print("{}  {:<10}  {}\n", color ? fmt::format("\033[{}m{}\033[0m", ok ? 32 : 31, mark) : mark,
                   name, detail);
        if (!fix.empty()) fmt::print("                  {}\n", fix);
    }
    if (json) {
        std::cout << nlohmann::ordered_json{{"ready", ready}, {"checks", checks}}.dump(2) << "\n";
    } else {
        fmt::print("{}\n", ready ? "this machine is ready: autoresearch run" : "not ready yet");
    }
    return ready ? 0 : 1;
}

}  // namespace

void add_doctor(Commands& commands) {
    auto flags = commands.add("doctor", "check whether this machine is ready", examine);
    flags.json();
    flags.data_settings(
        {"device", "agent", "model", "agent_args", "agent_limit", "token_price", "memory_limit"});
    flags.flag("--call", flags.given.call,
               "make one real call of the agent (--agent) instead, and say what came back");
    flags.examples({"autoresearch doctor", "autoresearch doctor --agent claude --call"});
}

}  // namespace autoresearch

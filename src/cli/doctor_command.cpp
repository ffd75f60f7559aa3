#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "plan/workspace.h"
#include "proc/platform.h"
#include "propose/agents.h"
#include "settings/places.h"
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

std::string look_at_agents(const FlagValues&) {
    const auto agents =
        read_agents(shipped_file(repository_root_or_empty(), open_kit(), "configs/agents.json"));
    return installed_names(agents) + "tuner (built in); without --agent a run uses " + default_agent(agents);
}

std::string look_at_disk(const FlagValues&) {
    fs::path place = cache_root();
    while (!fs::exists(place)) place = place.parent_path();
    const double free = static_cast<double>(fs::space(place).available) / (1 << 30);
    const std::string text = fmt::format("{:.1f} GiB free", free);
    if (free < 2)
        throw UserError(text + " in " + place.string(),
                        "free some space: data sets and logs need about 2 GiB");
    return text;
}

constexpr std::pair<const char*, std::string (*)(const FlagValues&)> kLooks[] = {
    {"machine", look_at_machine}, {"processes", look_at_processes},   {"kit", look_at_kit},
    {"trainer", look_at_trainer}, {"repository", look_at_repository}, {"parquet", look_at_parquet},
    {"data", look_at_data},       {"memory", look_at_memory},         {"agents", look_at_agents},
    {"disk", look_at_disk}};

int examine(const Arguments& arguments) {
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
    flags.data_settings({"device"});
}

}  // namespace autoresearch

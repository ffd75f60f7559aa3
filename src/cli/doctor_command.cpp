#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "cli/run_info.h"
#include "cli/workspace.h"
#include "proc/platform.h"
#include "propose/agents.h"
#include "record/terminal_reporter.h"
#include "vcs/git_repo.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

struct Check {
    std::string name;
    bool ok = true;
    std::string detail;
    std::string mend;
};

/// A check that looks at something; what it throws is its failure.
template <class Look>
Check check(const std::string& name, const Look& look) {
    try {
        return {name, true, look(), ""};
    } catch (const UserError& error) {
        return {name, false, error.what(), error.hint()};
    } catch (const std::exception& error) {
        return {name, false, error.what(), ""};
    }
}

std::string look_at_trainer() {
    const nlohmann::json probe = probe_trainer(open_kit());
    const std::string self_check = probe.value("self_check", "ok");
    if (self_check != "ok") throw UserError("the device fails its self-check: " + self_check, "--device cpu");
    return "device " + probe.value("device", "?") + " computes right, torch " + probe.value("torch", "?") +
           ", " + std::to_string(probe.value("threads", 0)) + " threads";
}

/// What the trainer forecasts for its sizes on the data of the preset.
std::string look_at_memory(const FlagValues& flags) {
    const ResolvedConfig config = load_config(flags, repository_root_or_empty(), open_kit().directory);
    std::string data;
    try {
        data = require_data(config).directory.string();
    } catch (const UserError&) {  // the check of the data says what is wrong with it
        return "forecast once the data of preset " + config.values.preset + " is prepared";
    }
    const nlohmann::json forecast =
        probe_trainer(open_kit(), {"--forecast", "--data", data, "--device", config.values.device});
    const double needed = forecast.value("memory_mb", 0.0), available = forecast.value("available_mb", 0.0);
    const int rows = forecast.value("rows", 0), wanted = forecast.value("rows_wanted", 0);
    const std::string text =
        fmt::format("a trial needs about {:.0f} MiB of the {:.0f} it may use, {} rows at a time", needed,
                    available, rows);
    if (needed > available)
        throw UserError(text, "a smaller model, context or vocabulary: see train/train.cpp");
    return rows < wanted ? text + fmt::format(" (not {}: these do not fit)", wanted) : text;
}

std::string look_at_repository() {
    const GitRepo git = GitRepo::open(".");
    const std::string note = git.is_committed() ? "" : "; train/train.cpp has changes that are not committed";
    return git.workdir().string() + " at " + git.head().substr(0, 7) + note;
}

std::string look_at_data(const FlagValues& flags) {
    const ResolvedConfig config = load_config(flags, repository_root_or_empty(), open_kit().directory);
    const PreparedData data = require_data(config);
    return "preset " + config.values.preset + ": data set " + data.meta.fingerprint + ", corpus " +
           data.meta.corpus;
}

std::string look_at_disk() {
    constexpr double kGiB = 1 << 30;
    fs::path place = cache_root();
    while (!fs::exists(place)) place = place.parent_path();
    const double free = static_cast<double>(fs::space(place).available) / kGiB;
    char text[64];
    std::snprintf(text, sizeof text, "%.1f GiB free", free);
    if (free < 2)
        throw UserError(std::string(text) + " in " + place.string(),
                        "make room: data sets and logs need about 2 GiB");
    return text;
}

std::string look_at_agents() {
    const auto agents =
        read_agents(shipped_file(repository_root_or_empty(), open_kit(), "configs/agents.json"));
    std::string installed;
    for (const auto& agent : agents) {
        if (agent.program.empty() || !is_installed(agent)) continue;
        installed += agent.name + (answers(agent) ? ", " : " (does not answer to --version), ");
    }
    return installed + "tuner (built in); without --agent a run takes " + default_agent(agents);
}

std::vector<Check> all_checks(const FlagValues& flags) {
    return {
        check("machine",
              [] {
                  return fmt::format("{} cores, {} GiB", std::thread::hardware_concurrency(),
                                     platform::memory_bytes() >> 30);
              }),
        check("kit",
              [] {
                  const Kit kit = open_kit();
                  return kit.directory.string() + ", compiler " + kit.compiler;
              }),
        check("trainer", look_at_trainer),
        check("repository", look_at_repository),
        check("data", [&] { return look_at_data(flags); }),
        check("memory", [&] { return look_at_memory(flags); }),
        check("agents", look_at_agents),
        check("disk", look_at_disk),
    };
}

}  // namespace

int doctor_command(const Arguments& arguments) {
    const bool json = arguments.json;
    const auto checks = all_checks(arguments.settings);
    bool ready = true;
    nlohmann::json list = nlohmann::json::array();
    const bool color = output_style(STDOUT_FILENO).color;
    for (const auto& item : checks) {
        ready = ready && item.ok;
        list.push_back({{"name", item.name}, {"ok", item.ok}, {"detail", item.detail}, {"mend", item.mend}});
        if (json) continue;
        const char* mark =
            item.ok ? (color ? "\033[32mok  \033[0m" : "ok  ") : (color ? "\033[31mFAIL\033[0m" : "FAIL");
        std::printf("%s  %-10s  %s\n", mark, item.name.c_str(), item.detail.c_str());
        if (!item.mend.empty()) std::printf("                  %s\n", item.mend.c_str());
    }
    if (json) {
        std::cout << nlohmann::ordered_json{{"ready", ready}, {"checks", list}}.dump(2) << "\n";
    } else {
        std::printf("%s\n", ready ? "this machine is ready: autoresearch run" : "not ready yet");
    }
    return ready ? 0 : 1;
}

}  // namespace autoresearch

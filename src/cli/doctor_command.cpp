#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "plan/agent_reach.h"
#include "plan/checks.h"
#include "plan/workspace.h"
#include "proc/platform.h"
#include "proc/signals.h"
#include "propose/test_call.h"
#include "util/atomic_file.h"
#include "view/terminal_reporter.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// What one real call of the agent gives: the evening's test.
int call_agent(const Arguments& arguments) {
    const Kit kit = open_kit();
    const fs::path root = repository_root_or_empty();
    const ResolvedSettings asked = load_settings(arguments.settings, root, kit.directory);
    const Walls walls = walls_here(kit, asked.values, require_box(asked.values.box));
    const Settings config = settle_here(asked.values, measure_device(asked.values, walls).device);
    const std::string source = working_source(root);
    const AgentAdapter agent = wanted_agent(all_agents(asked), asked);
    AgentProposerOptions options{.desk = {.parent = {},
                                          .program = shipped_file(root, kit, "program.md"),
                                          .kit = kit.directory,
                                          .experiments = {}},
                                 .agent = agent,
                                 .settings = config,
                                 .budget = budget_text(config),
                                 .self = platform::self(),
                                 .walls = agent_walls(kit, GitRepo::open("."), config, agent)};
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

int examine(const Arguments& arguments) {
    if (arguments.call) return call_agent(arguments);
    const FlagValues& flags = arguments.settings;
    const bool json = arguments.json;
    bool ready = true;
    auto results = nlohmann::ordered_json::array();
    const bool color = output_style(STDOUT_FILENO).color;
    for (const auto& [name, look] : checks_of_this_machine()) {
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
        results.push_back({{"name", name}, {"ok", ok}, {"detail", detail}, {"fix", fix}});
        if (json) continue;
        const std::string mark = ok ? "ok  " : "FAIL";
        fmt::print("{}  {:<10}  {}\n", color ? fmt::format("\033[{}m{}\033[0m", ok ? 32 : 31, mark) : mark,
                   name, detail);
        if (!fix.empty()) fmt::print("                  {}\n", fix);
    }
    if (json) {
        std::cout << nlohmann::ordered_json{{"ready", ready}, {"checks", results}}.dump(2) << "\n";
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
        {"device", "agent", "model", "agent_args", "agent_limit", "token_price", "memory_limit", "box"});
    flags.flag("--call", flags.given.call,
               "make one real call of the agent (--agent) instead, and say what came back");
    flags.examples({"autoresearch doctor", "autoresearch doctor --agent claude --call"});
}

}  // namespace autoresearch

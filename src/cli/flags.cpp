#include "cli/flags.h"

#include <spdlog/fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

namespace autoresearch {
namespace {

// Of the kinds of settings. Defaults are those that no preset changes.
constexpr const char* kGroups[] = {"Settings of the data", "Settings that a run keeps", "Settings"};

}  // namespace

void Flags::flag(const char* name, bool& on, const char* help) {
    command_.add_flag(name, on, help)->disable_flag_override();
}

void Flags::option(const char* name, std::string& text, const char* help,
                   const std::vector<std::string>& choices) {
    CLI::Option* option = command_.add_option(name, text, help);
    if (!choices.empty()) option->check(CLI::IsMember(choices));
}

void Flags::required(const char* name, std::string& text, const char* help) {
    command_.add_option(name, text, help)->required();
}

void Flags::hide() {
    command_.group("");
}

void Flags::examples(const std::vector<std::string>& lines) {
    command_.footer(fmt::format("Examples:\n  {}", fmt::join(lines, "\n  ")));
}

void Flags::json() {
    flag("--json", given.json, "JSON output");
}

void Flags::verbose() {
    flag("--verbose", given.verbose, "harness.log also says which processes ran, and how each ended");
}

void Flags::tag() {
    option("--tag", given.tag, "name of the run; default: the last active one");
}

void Flags::seeds(const char* help) {
    command_.add_option("--seeds", given.seeds, help)->check(CLI::Range(2, 1000));
}

void Flags::settings(const std::vector<std::string>& names) {
    FlagValues& values = given.settings;
    const auto add_text = [&](const std::string& name, const std::string& help) {
        const auto keep = [&values, name](const CLI::results_t& texts) {
            values[name] = texts.back();
            return true;
        };
        // The last one counts, so that flags appended to a script's override them.
        return command_.add_option(flag_name(name), keep, help)->take_last();
    };
    for (const auto& key : setting_keys()) {
        if (!names.empty() && std::find(names.begin(), names.end(), key.name) == names.end()) continue;
        if (key.is_switch()) {
            const auto keep = [&values, name = key.name](std::int64_t on) {
                values[name] = on > 0 ? "true" : "false";
            };
            command_.add_flag_function(key.flag() + ",!--no-" + key.flag().substr(2), keep, key.help)
                ->disable_flag_override()
                ->group(kGroups[key.kind]);
        } else {
            const char* type = key.is_text() ? "TEXT" : key.is_duration() ? "SECONDS" : "NUMBER";
            CLI::Option* option = add_text(key.name, key.help)->type_name(type)->group(kGroups[key.kind]);
            const auto value = key.get(Settings{});
            if (!value.is_string() || !value.get_ref<const std::string&>().empty())
                option->default_str(value_text(value));
        }
        if (key.name == "box") no_box();
        for (const OldName& old : kOldNames)
            if (key.name == old.now) add_text(old.name, "")->group("");
    }
}

void Flags::no_box() {
    command_.add_flag_callback(
        "--no-box", [&values = given.settings] { values["box"] = "none"; },
        "go on without walls around foreign code, with all of your own rights");
}

void Flags::data_settings(std::vector<std::string> more) {
    more.emplace_back("preset");
    for (const auto& key : setting_keys())
        if (key.kind == SettingKey::data) more.push_back(key.name);
    settings(more);
}

void Flags::trial_settings() {
    data_settings({"device", "threads", "budget", "clock", "seed", "build_limit", "startup_limit", "grace",
                   "eval_limit", "repeats", "box"});
}

Flags Commands::add(const char* name, const char* help, Work work) {
    CLI::App* command = app_.add_subcommand(name, help);
    command->callback([this, work] { chosen_ = work; });
    return {*command, arguments_};
}

int Commands::run_chosen() const {
    if (arguments_.verbose) spdlog::set_level(spdlog::level::debug);
    return chosen_(arguments_);
}

}  // namespace autoresearch

#include "cli/app.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "util/text.h"

namespace autoresearch {
namespace {

constexpr int kFailed = 1;
constexpr int kBadUsage = 2;

void print_error(const std::string& message, const std::string& hint) {
    std::cout.flush();
    std::fprintf(stderr, "autoresearch: %s\n", message.c_str());
    if (!hint.empty()) std::fprintf(stderr, "  %s\n", hint.c_str());
}

std::vector<std::string> flags_of(const CLI::App& command) {
    std::vector<std::string> names;
    for (const auto* option : command.get_options()) names.push_back("--" + option->get_single_name());
    return names;
}

/// CLI11 says what is wrong; we add what was probably meant.
int usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
    const auto chosen = app.get_subcommands();
    if (chosen.empty()) {
        std::vector<std::string> names;
        for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
            names.push_back(command->get_name());
        }
        const std::string word = argc > 1 ? argv[1] : "";
        const bool unknown = !word.empty() && word[0] != '-';
        print_error(unknown ? "there is no command \"" + word + "\"" : error.what(),
                    unknown ? "did you mean \"" + nearest(word, names) + "\"?"
                            : "autoresearch --help lists the commands");
        return kBadUsage;
    }
    const CLI::App& command = *chosen.front();
    const std::string help = "autoresearch " + command.get_name() + " --help lists its flags";
    // CLI11 gives the words that it could not place last first.
    for (const auto& word : app.remaining(true)) {
        if (word.rfind("--", 0) != 0) continue;
        print_error("there is no flag " + word + " for " + command.get_name(),
                    "did you mean " + nearest(word, flags_of(command)) + "? " + help);
        return kBadUsage;
    }
    print_error(error.what(), help);
    return kBadUsage;
}

}  // namespace

std::shared_ptr<FlagValues> add_setting_flags(CLI::App& command, const std::vector<std::string>& keys) {
    const auto given = std::make_shared<FlagValues>();
    const auto add = [&](const std::string& name, const std::string& help, const char* type) {
        const auto keep = [given, name](const CLI::results_t& texts) {
            (*given)[name] = texts.back();
            return true;
        };
        command.add_option(flag_name(name), keep, help)
            ->type_name(type)
            ->group("Settings")
            ->take_last();  // so that a script's flags can be overridden behind them
    };
    add("preset", "settings to start from: a file of configs/", "NAME");
    for (const auto& key : config_keys()) {
        if (!keys.empty() && std::find(keys.begin(), keys.end(), key.name) == keys.end()) continue;
        if (std::holds_alternative<bool Config::*>(key.member)) {
            const auto keep = [given, name = key.name](std::int64_t on) {
                (*given)[name] = on > 0 ? "true" : "false";
            };
            const std::string flag = flag_name(key.name);
            command.add_flag_function(flag + ",!--no-" + flag.substr(2), keep, key.help)->group("Settings");
        } else {
            const bool text = std::holds_alternative<std::string Config::*>(key.member);
            add(key.name, key.help, text ? "TEXT" : "NUMBER");
        }
    }
    return given;
}

std::shared_ptr<std::string> add_tag_flag(CLI::App& command) {
    const auto tag = std::make_shared<std::string>();
    command.add_option("--tag", *tag, "name of the run; default: the one that was active last");
    return tag;
}

std::shared_ptr<bool> add_json_flag(CLI::App& command) {
    const auto json = std::make_shared<bool>(false);
    command.add_flag("--json", *json, "print for programs");
    return json;
}

int run_app(int argc, char** argv) {
    CLI::App app{"autoresearch: a coding agent does machine-learning research overnight on this computer"};
    app.name("autoresearch");
    app.set_version_flag("--version", AUTORESEARCH_VERSION);
    app.require_subcommand(1);
    int exit_code = 0;
    add_prepare_command(app, exit_code);
    add_train_command(app, exit_code);
    add_run_command(app, exit_code);
    add_replay_command(app, exit_code);
    add_status_command(app, exit_code);
    add_noise_command(app, exit_code);
    add_confirm_command(app, exit_code);
    add_doctor_command(app, exit_code);
    add_tuner_command(app, exit_code);
    try {
        app.parse(argc, argv);
        return exit_code;
    } catch (const CLI::Success& help) {
        return app.exit(help);
    } catch (const CLI::ParseError& error) {
        return usage_error(app, error, argc, argv);
    } catch (const UserError& error) {
        print_error(error.what(), error.hint());
        return kBadUsage;
    } catch (const std::exception& error) {
        print_error(error.what(), "");
        return kFailed;
    }
}

}  // namespace autoresearch

#include "cli/app.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "util/nearest.h"

namespace autoresearch {
namespace {

constexpr int kFailed = 1;
constexpr int kBadUsage = 2;

void print_error(const std::string& message, const std::string& hint) {
    std::cout.flush();
    std::fprintf(stderr, "autoresearch: %s\n", message.c_str());
    if (!hint.empty()) std::fprintf(stderr, "  %s\n", hint.c_str());
}

/// The words of CLI11, with the nearest known command where a word is none.
int usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
    std::string hint = "autoresearch --help lists the commands";
    for (const auto* command : app.get_subcommands())
        hint = "autoresearch " + command->get_name() + " --help lists its flags";
    if (app.get_subcommands().empty() && argc > 1 && argv[1][0] != '-') {
        std::vector<std::string> names;
        for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
            names.push_back(command->get_name());
        }
        print_error(std::string("there is no command \"") + argv[1] + "\"",
                    "did you mean \"" + nearest(argv[1], names) + "\"? " + hint);
        return kBadUsage;
    }
    print_error(error.what(), hint);
    return kBadUsage;
}

}  // namespace

ConfigFlags::ConfigFlags(CLI::App& command, const std::vector<std::string>& keys) {
    const auto wanted = [&](const std::string& name) {
        return keys.empty() || std::find(keys.begin(), keys.end(), name) != keys.end();
    };
    const auto add = [&](const std::string& name, const std::string& help) {
        options_[name] = command.add_option(flag_name(name), texts_[name], help)->group("Settings");
    };
    add("preset", "settings to start from: a file of configs/");
    for (const auto& key : config_keys()) {
        if (wanted(key.name)) add(key.name, key.help);
    }
}

FlagValues ConfigFlags::values() const {
    FlagValues given;
    for (const auto& [name, option] : options_) {
        if (option->count() > 0) given[name] = texts_.at(name);
    }
    return given;
}

int run_app(int argc, char** argv) {
    CLI::App app{"autoresearch: a coding agent does machine-learning research overnight on this computer"};
    app.name("autoresearch");
    app.set_version_flag("--version", AUTORESEARCH_VERSION);
    app.require_subcommand(1);
    Action action;
    add_prepare_command(app, action);
    add_train_command(app, action);
    add_run_command(app, action);
    add_replay_command(app, action);
    add_status_command(app, action);
    add_doctor_command(app, action);
    add_tuner_command(app, action);
    try {
        app.parse(argc, argv);
        return action();
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

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "tuner/tuner.h"
#include "util/text.h"

namespace autoresearch {
namespace {

void print_error(const std::string& message, const std::string& hint) {
    std::cout.flush();
    std::fprintf(stderr, "autoresearch: %s\n", message.c_str());
    if (!hint.empty()) std::fprintf(stderr, "  %s\n", hint.c_str());
}

/// CLI11 says what is wrong; we add what was probably meant.
UserError usage_error(const CLI::App& app, const CLI::ParseError& error) {
    const auto chosen = app.get_subcommands();
    const std::string command = chosen.empty() ? "" : " " + chosen.front()->get_name();
    std::vector<std::string> known;
    if (chosen.empty()) {
        for (const auto* each : app.get_subcommands([](const CLI::App*) { return true; }))
            known.push_back(each->get_name());
    } else {
        for (const auto* option : chosen.front()->get_options())
            if (!option->get_group().empty()) known.push_back("--" + option->get_single_name());
    }
    const std::string help = "autoresearch" + command + " --help lists what there is";
    for (const auto& word : app.remaining(true)) {
        if ((word.rfind("--", 0) == 0) == chosen.empty()) continue;
        return UserError((chosen.empty() ? "there is no command " : "there is no flag ") + word,
                         "did you mean " + nearest(word, known) + "? " + help);
    }
    return UserError(error.what(), help);
}

/// --preset and a flag for each setting of these names; for all settings when there are none.
void add_settings(CLI::App& command, FlagValues& given, const std::vector<std::string>& names) {
    for (const auto& key : setting_keys()) {
        if (!names.empty() && std::find(names.begin(), names.end(), key.name) == names.end()) continue;
        const std::string flag = key.flag();
        if (key.is_switch()) {
            const auto keep = [&given, name = key.name](std::int64_t on) {
                given[name] = on > 0 ? "true" : "false";
            };
            command.add_flag_function(flag + ",!--no-" + flag.substr(2), keep, key.help)->group("Settings");
        } else {
            const auto keep = [&given, name = key.name](const CLI::results_t& texts) {
                given[name] = texts.back();
                return true;
            };
            command.add_option(flag, keep, key.help)
                ->type_name(key.is_text() ? "TEXT" : "NUMBER")
                ->group("Settings")
                ->take_last();  // so that a script's flags can be overridden behind them
        }
        for (const OldName& old : kOldNames) {
            if (key.name != old.now) continue;
            const auto keep = [&given, name = old.name](const CLI::results_t& texts) {
                given[name] = texts.back();
                return true;
            };
            command.add_option(flag_name(old.name), keep)->group("")->take_last();
        }
    }
}

using Names = std::vector<std::string>;

Names data_settings(const Names& more) {
    Names names = {"preset"};
    for (const auto& key : setting_keys())
        if (key.kind == SettingKey::data) names.push_back(key.name);
    names.insert(names.end(), more.begin(), more.end());
    return names;
}

/// Every command with its flags. Parsing fills `arguments` and sets what is to be done.
void add_commands(CLI::App& app, Arguments& arguments, std::string& device, std::function<int()>& chosen) {
    const auto add = [&](const char* name, const char* help, int (*command)(const Arguments&)) {
        CLI::App* added = app.add_subcommand(name, help);
        added->add_flag("--json", arguments.json, "print for programs");
        added->callback([&, command] { chosen = [&, command] { return command(arguments); }; });
        return added;
    };
    const auto add_seeds = [&](CLI::App* command, const char* help) {
        command->add_option("--seeds", arguments.seeds, help)->check(CLI::Range(2, 1000));
    };
    const Names trial = data_settings({"device", "threads", "budget", "clock", "seed", "build_limit",
                                       "startup_limit", "grace", "eval_limit", "repeats"});
    FlagValues& settings = arguments.settings;

    add_settings(*add("prepare", "text to tokens: train the tokenizer, write the shards", prepare_command),
                 settings, data_settings({"threads"}));
    add_settings(
        *add("train", "one experiment by hand: build and run this tree's train/train.cpp", train_command),
        settings, trial);
    CLI::App* run = add("run", "the loop: propose, build, train, keep or drop, until stopped", run_command);
    add_settings(*run, settings, {});
    run->add_flag("--from-working-tree", arguments.from_working_tree,
                  "start from train/train.cpp as it is, committed or not");
    run->add_flag("--resume", arguments.resume,
                  "go on with the last run, however old; an error when there is none");
    CLI::App* replay = add(
        "replay", "rebuild and rerun an experiment with its recorded seed, budget and data", replay_command);
    replay->add_option("experiment", arguments.experiment, "an experiment's number, or its commit")
        ->required();
    replay->add_flag(
        "--exact", arguments.exact,
        "take the recorded steps instead of the clock's: the same val_bpb to the last bit on the "
        "same device, threads and torch, else exit code 1");
    CLI::App* status = add("status", "where a run stands", status_command);
    CLI::App* noise =
        add("noise", "how far val_bpb moves when only the seed changes: this tree's train/train.cpp",
            noise_command);
    add_settings(*noise, settings, trial);
    add_seeds(noise, "trials; default 5");
    CLI::App* confirm =
        add("confirm", "the honest final number: baseline and best on fresh seeds and the test split",
            confirm_command);
    add_seeds(confirm, "trials of each; default 4");
    for (CLI::App* command : {replay, status, confirm})
        command->add_option("--tag", arguments.tag, "name of the run; default: the one that was active last");
    add_settings(*add("doctor", "is this machine ready", doctor_command), settings,
                 data_settings({"device"}));

    CLI::App* agent = app.add_subcommand("tuner", "the built-in agent; the loop starts it in a desk");
    agent->add_option("--device", device, "column of the hyperparameters to change")
        ->check(CLI::IsMember({"mps", "cuda", "cpu"}));
    agent->group("");  // not for people: left out of --help
    agent->callback([&] { chosen = [&] { return run_tuner(".", device, 0); }; });
}

}  // namespace

int run_app(int argc, char** argv) {
    CLI::App app{"autoresearch: a coding agent does machine-learning research overnight on this computer"};
    app.name("autoresearch");
    app.set_version_flag("--version", AUTORESEARCH_VERSION);
    app.require_subcommand(1);
    Arguments arguments;
    std::string device;  // of the tuner
    std::function<int()> chosen;
    add_commands(app, arguments, device, chosen);
    try {
        try {
            app.parse(argc, argv);
        } catch (const CLI::Success& help) {
            return app.exit(help);
        } catch (const CLI::ParseError& error) {
            throw usage_error(app, error);
        }
        return chosen();
    } catch (const UserError& error) {
        print_error(error.what(), error.hint());
        return 2;
    } catch (const std::exception& error) {
        print_error(error.what(), "");
        return 1;
    }
}

}  // namespace autoresearch

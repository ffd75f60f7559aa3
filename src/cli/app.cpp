#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <vector>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "trial/kit.h"
#include "util/secrets.h"
#include "util/text.h"

namespace autoresearch {
namespace {

void print_error(const std::string& message, const std::string& hint) {
    std::cout.flush();
    std::fprintf(stderr, "autoresearch: %s\n", without_escapes(Secrets::here().clean(message)).c_str());
    if (!hint.empty()) std::fprintf(stderr, "  %s\n", hint.c_str());
}

/// CLI11 says what is wrong; we add the nearest known name.
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
    const std::string help = "see autoresearch" + command + " --help";
    for (const auto& word : app.remaining(true)) {
        if ((word.rfind("--", 0) == 0) == chosen.empty()) continue;
        const std::string name = word.substr(0, word.find('='));
        return UserError((chosen.empty() ? "there is no command " : "there is no flag ") + name,
                         did_you_mean(name, known, help));
    }
    const std::string text = error.what();
    const auto value = text.find(" was given a disallowed flag override");
    return UserError(value == std::string::npos ? text : "--" + text.substr(0, value) + " takes no value",
                     help);
}

std::string version() {
    std::string torch;
    try {
        torch = open_kit().torch_version;
    } catch (const UserError&) {  // a version must be told even of a broken build
        torch = "not found";
    }
    return std::string("autoresearch ") + AUTORESEARCH_VERSION + " (commit " AUTORESEARCH_COMMIT ", torch " +
           torch + ")";
}

void check_temporary_folder() {
    std::error_code missing;
    if (const auto folder = std::filesystem::temp_directory_path(missing); !missing && !folder.empty())
        return;
    const char* name = std::getenv("TMPDIR");
    throw UserError(std::string("TMPDIR names no folder: ") + (name == nullptr ? "/tmp" : name),
                    "make it, or unset TMPDIR");
}

/// Several words after --corpus, such as a shell makes of a pattern, become the one word {first,second}.
void join_corpus(std::vector<std::string>& words) {
    for (std::size_t flag = 0; flag < words.size(); ++flag) {
        if (words[flag] != "--corpus") continue;
        const std::size_t first = flag + 1;
        std::size_t end = first;
        while (end < words.size() && !words[end].starts_with('-')) ++end;
        if (end - first < 2) continue;
        std::string all;
        for (std::size_t i = first; i < end; ++i) {
            if (words[i].find_first_of("{},") != std::string::npos)
                throw UserError("--corpus: " + words[i] + " has a comma or a brace, and is not alone",
                                "rename it, or name the folder that has it");
            all += (all.empty() ? "{" : ",") + words[i];
        }
        words[first] = all + "}";
        words.erase(words.begin() + static_cast<std::ptrdiff_t>(first) + 1,
                    words.begin() + static_cast<std::ptrdiff_t>(end));
    }
}

}  // namespace

void add_commands(Commands& commands) {
    // In the order --help shows.
    for (const auto& add : {add_prepare, add_train, add_run, add_replay, add_status, add_steering, add_noise,
                            add_confirm, add_doctor, add_tuner, add_node})
        add(commands);
}

int run_app(int argc, char** argv) {
    // `help` and `help run`, as many programs have it.
    std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    if (!words.empty() && words.front() == "help") {
        words.erase(words.begin());
        words.emplace_back("--help");
    }
    CLI::App app{"autoresearch: a coding agent does machine-learning research overnight on this computer"};
    app.name("autoresearch");
    app.set_version_flag("-V,--version", version);
    app.require_subcommand(1);
    Commands commands(app);
    add_commands(commands);
    try {
        try {
            join_corpus(words);
            std::reverse(words.begin(), words.end());  // as CLI11 wants them
            app.parse(words);
        } catch (const CLI::Success& help) {
            return app.exit(help);
        } catch (const CLI::ParseError& error) {
            throw usage_error(app, error);
        }
        check_temporary_folder();
        return commands.run_chosen();
    } catch (const UserError& error) {
        print_error(error.what(), error.hint());
        return 2;
    } catch (const std::exception& error) {
        print_error(error.what(), "");
        return 1;
    }
}

}  // namespace autoresearch

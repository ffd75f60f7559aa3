#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/commands.h"
#include "plan/workspace.h"
#include "prepare/corpus/prepare.h"
#include "proc/signals.h"
#include "view/data_text.h"

namespace autoresearch {
namespace {

int prepare(const Arguments& arguments) {
    const bool json = arguments.json;
    const Kit kit = open_kit();
    const auto repository = repository_root_or_empty();
    const ResolvedSettings config = load_settings(arguments.settings, repository, kit.directory);
    const SignalStop stop;
    const bool shows = isatty(STDERR_FILENO) != 0 && !json;
    PrepareOptions options = prepare_options(config.values, repository, kit);
    options.progress = [&](const std::string& phase, double share) {
        if (stop.after_experiment()) throw std::runtime_error("interrupted");
        if (shows) std::fprintf(stderr, "\r\033[K%3.0f %% %s", 100 * share, phase.c_str());
    };
    const auto wipe = [&] { std::fputs(shows ? "\r\033[K" : "", stderr); };
    PreparedData data;
    try {
        data = prepare_data(options);
    } catch (const std::exception&) {
        wipe();
        if (!stop.after_experiment()) throw;
        throw std::runtime_error("interrupted; run the same command again to continue or start over");
    }
    wipe();
    for (const std::string& text : data_warnings(data)) std::cerr << "warning: " << text << "\n";
    std::cout << (json ? data_json(data).dump(2) + "\n" : data_text(data));
    return 0;
}

}  // namespace

void add_prepare(Commands& commands) {
    auto flags =
        commands.add("prepare", "turn text into tokens: train the tokenizer, write the shards", prepare);
    flags.json();
    flags.data_settings({"threads"});
    flags.examples({"autoresearch prepare", "autoresearch prepare --corpus ~/texts",
                    "autoresearch prepare --corpus climbmix --shards 10"});
}

}  // namespace autoresearch

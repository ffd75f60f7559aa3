#include "prepare/session/options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "autoresearch/error.h"

namespace autoresearch {
namespace fs = std::filesystem;
namespace {

const char* environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
}

/// The data set prepared last, under $AUTORESEARCH_DATA or the cache directory.
fs::path newest_data() {
    const char* set = environment("AUTORESEARCH_DATA");
    fs::path root = set != nullptr ? fs::path(set) : cache_directory() / "data";
    if (fs::exists(root / "meta.json")) return root;
    fs::path newest;
    fs::file_time_type newest_time;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root, error)) {
        std::error_code missing;
        const auto time = fs::last_write_time(entry.path() / "meta.json", missing);
        if (missing || (!newest.empty() && time <= newest_time)) continue;
        newest = entry.path();
        newest_time = time;
    }
    if (newest.empty())
        throw UserError("no prepared data in " + root.string(),
                        "run `autoresearch prepare`, or name one with --data");
    return newest;
}

}  // namespace

fs::path cache_directory() {
    if (const char* cache = environment("XDG_CACHE_HOME")) return fs::path(cache) / "autoresearch";
    if (const char* home = environment("HOME")) return fs::path(home) / ".cache" / "autoresearch";
    return fs::temp_directory_path() / "autoresearch";
}

Options parse_options(int argc, char** argv) {
    Options options;
    CLI::App app("Trains one model for a fixed time and prints its bits per byte on the validation split.");
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.add_option("--data", options.data, "prepared data set (default: the newest one)");
    app.add_option("--budget", options.budget, "training seconds; the clock starts after the first step")
        ->check(CLI::Range(0.01, 1e7))
        ->capture_default_str();
    app.add_option("--seed", options.seed, "of weights and data order")->capture_default_str();
    app.add_option("--device", options.device, "auto, cpu, mps or cuda")
        ->check(CLI::IsMember({"auto", "cpu", "mps", "cuda"}))
        ->capture_default_str();
    app.add_option("--threads", options.threads, "CPU threads (default: all)")->check(CLI::Range(0, 4096));
    app.add_option("--eval-tokens", options.eval_tokens, "validation tokens (default: as the data set says)")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--split", options.split, "of the evaluation: val, or test for a last word")
        ->check(CLI::IsMember({"val", "test"}))
        ->capture_default_str();
    app.add_option("--events-fd", options.events_fd, "descriptor for events, one JSON object a line");
    app.add_option("--curve", options.curve, "write every step to this file, as CSV");
    app.add_option("--trace", options.trace, "follow the steps of such a file instead of the clock");
    app.add_flag("--forecast", options.forecast, "print the memory that this run will need, as JSON");
    app.add_flag("--probe", options.probe, "print device, memory, torch version and self-check as JSON");
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& help) {
        std::exit(app.exit(help));
    } catch (const CLI::ParseError& error) {
        throw UserError(error.what(), "see --help");
    }
    if (options.data.empty() && !options.probe) options.data = newest_data();
    return options;
}

}  // namespace autoresearch

#include "prepare/session/options.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <optional>

#include "autoresearch/error.h"
#include "autoresearch/events.h"
#include "util/fd.h"

namespace autoresearch {
namespace fs = std::filesystem;
namespace {

/// Empty when it is not set.
fs::path environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

/// The most recently prepared data set, under $AUTORESEARCH_DATA or the cache directory.
fs::path newest_data() {
    fs::path root = environment("AUTORESEARCH_DATA");
    if (root.empty()) root = cache_directory() / "data";
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
                        "run `autoresearch prepare`, or name a data set with --data");
    return newest;
}

/// The harness's flags, where there is a harness, each with a NUL behind it. Taken before main: what a
/// candidate hands to Session changes nothing then.
std::optional<std::string> take_flags() noexcept {
    const char* number = std::getenv(events::kFlagsVariable);
    if (number == nullptr) return std::nullopt;
    Fd descriptor(static_cast<int>(std::strtol(number, nullptr, 10)));
    ::unsetenv(events::kFlagsVariable);
    std::string text;
    char piece[4096];
    for (ssize_t got = 0; (got = ::read(descriptor.get(), piece, sizeof piece)) > 0;)
        text.append(piece, static_cast<std::size_t>(got));
    // In its place nothing to read: a closed standard input would be the next file that is opened.
    if (const Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC)); nothing)
        ::dup2(nothing.get(), descriptor.release());
    return text;
}
const std::optional<std::string> kAsked = take_flags();

/// As CLI11 takes them: the last one first.
std::vector<std::string> flags(int argc, char** argv) {
    std::vector<std::string> words(argv + 1, argv + std::max(argc, 1));
    if (kAsked) {
        words.clear();
        for (std::size_t at = 0, end = 0; (end = kAsked->find('\0', at)) != std::string::npos; at = end + 1)
            words.push_back(kAsked->substr(at, end - at));
    }
    std::reverse(words.begin(), words.end());
    return words;
}

}  // namespace

fs::path cache_directory() {
    const fs::path cache = environment("XDG_CACHE_HOME");
    return (cache.empty() ? environment("HOME") / ".cache" : cache) / "autoresearch";
}

Options parse_options(int argc, char** argv) {
    Options options;
    CLI::App app("Trains one model for a fixed time and prints its bits per byte on the validation split.");
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    const auto option = [&](const char* name, auto& value, const char* help) {
        return app.add_option(name, value, help);
    };
    const auto choice = [&](const char* name, auto& value, const char* help,
                            const std::vector<std::string>& choices) {
        option(name, value, help)->check(CLI::IsMember(choices))->capture_default_str();
    };
    option("--data", options.data, "prepared data set (default: the newest one)");
    option("--budget", options.budget, "training seconds; the clock starts after the first step")
        ->check(CLI::Range(0.01, 1e7))
        ->capture_default_str();
    choice("--clock", options.clock, "wall time, or CPU time per thread (on the CPU)", {"wall", "cpu"});
    option("--seed", options.seed, "seed of weights and data order")->capture_default_str();
    choice("--device", options.device, "where to train", {"auto", "cpu", "mps", "cuda"});
    option("--known", options.known, "what --probe printed for this device: then nothing is measured");
    option("--threads", options.threads, "CPU threads (default: all)")->check(CLI::Range(0, 4096));
    option("--eval-tokens", options.eval_tokens, "validation tokens (default: from the data set)")
        ->check(CLI::NonNegativeNumber);
    choice("--split", options.split, "split to evaluate: val, or test for a final number", {"val", "test"});
    option("--events-fd", options.events_fd, "descriptor for events, one JSON object per line");
    option("--curve-fd", options.curve_fd, "descriptor for every step, as CSV");
    option("--trace", options.trace, "repeat the steps in such a file instead of following the clock");
    app.add_flag("--plain", options.plain, "compute with ATen's operations alone: slow, to compare with");
    app.add_flag("--forecast", options.forecast, "print the memory that this run will need, as JSON");
    app.add_flag("--probe", options.probe, "measure what must be known of the device, and print it as JSON");
    try {
        app.parse(flags(argc, argv));
    } catch (const CLI::Success& help) {
        std::exit(app.exit(help));
    } catch (const CLI::ParseError& error) {
        throw UserError(error.what(), "see --help");
    }
    if (options.data.empty() && !options.probe) options.data = newest_data();
    return options;
}

}  // namespace autoresearch

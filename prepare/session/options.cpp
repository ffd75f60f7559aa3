#include "prepare/session/options.h"

#include <cmath>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>

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
    const fs::path root = set != nullptr ? fs::path(set) : cache_directory() / "data";
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

double number(const std::string& flag, const std::string& text, double low, double high) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(value >= low && value <= high))
        throw UserError(flag + " " + text + ": not a number that makes sense here", "see --help");
    return value;
}

std::int64_t whole(const std::string& flag, const std::string& text, double high) {
    const double value = number(flag, text, 0, high);
    if (value != std::floor(value))
        throw UserError(flag + " " + text + ": must be a whole number", "see --help");
    return static_cast<std::int64_t>(value);
}

}  // namespace

fs::path cache_directory() {
    if (const char* cache = environment("XDG_CACHE_HOME")) return fs::path(cache) / "autoresearch";
    if (const char* home = environment("HOME")) return fs::path(home) / ".cache" / "autoresearch";
    return fs::temp_directory_path() / "autoresearch";
}

std::string help_text(const std::string& program) {
    return "usage: " + program +
           " [options]\n"
           "Trains one model for a fixed time and prints its bits per byte on the validation split.\n\n"
           "  --data DIR         prepared data set (default: the newest one)\n"
           "  --budget SECONDS   training time; the clock starts after the first step (default 30)\n"
           "  --seed N           of weights and data order (default 1)\n"
           "  --device NAME      auto, cpu, mps or cuda (default auto)\n"
           "  --threads N        CPU threads (default: all)\n"
           "  --eval-tokens N    validation tokens (default: as the data set says)\n"
           "  --events-fd N      descriptor for events, one JSON object a line (the harness uses it)\n"
           "  --probe            print device, threads, memory and torch version as JSON, and exit\n"
           "  --help             this text\n";
}

Options parse_options(int argc, char** argv) {
    Options options;
    const std::map<std::string, std::function<void(const std::string&, const std::string&)>> flags = {
        {"--data", [&](auto&, auto& value) { options.data = value; }},
        {"--budget", [&](auto& flag, auto& value) { options.budget = number(flag, value, 0.01, 1e7); }},
        {"--seed", [&](auto& flag,
                       auto& value) { options.seed = static_cast<std::uint64_t>(whole(flag, value, 9e15)); }},
        {"--device", [&](auto&, auto& value) { options.device = value; }},
        {"--threads",
         [&](auto& flag, auto& value) { options.threads = static_cast<int>(whole(flag, value, 4096)); }},
        {"--events-fd",
         [&](auto& flag, auto& value) { options.events_fd = static_cast<int>(whole(flag, value, 1e6)); }},
        {"--eval-tokens", [&](auto& flag, auto& value) { options.eval_tokens = whole(flag, value, 1e15); }},
    };
    for (int i = 1; i < argc; ++i) {
        std::string flag = argv[i];
        if (flag == "--help" || flag == "-h") {
            options.help = true;
            return options;
        }
        if (flag == "--probe") {
            options.probe = true;
            continue;
        }
        std::string value;
        const auto equals = flag.find('=');
        const bool joined = equals != std::string::npos;
        if (joined) {
            value = flag.substr(equals + 1);
            flag.resize(equals);
        }
        const auto known = flags.find(flag);
        if (known == flags.end()) throw UserError("unknown flag " + flag, "see --help");
        if (!joined) {
            if (i + 1 == argc) throw UserError(flag + " needs a value", "see --help");
            value = argv[++i];
        }
        known->second(flag, value);
    }
    const std::string& device = options.device;
    if (device != "auto" && device != "cpu" && device != "mps" && device != "cuda")
        throw UserError("--device " + device + ": no such device", "one of auto, cpu, mps, cuda");
    if (options.data.empty() && !options.probe) options.data = newest_data();
    return options;
}

}  // namespace autoresearch

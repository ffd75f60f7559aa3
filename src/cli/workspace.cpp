#include "cli/workspace.h"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

#include "autoresearch/error.h"
#include "prepare/data/corpus.h"
#include "proc/platform.h"
#include "proc/signals.h"
#include "proc/subprocess.h"
#include "util/fd.h"
#include "util/hash.h"
#include "util/text.h"
#include "vcs/git_repo.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace autoresearch {

namespace fs = std::filesystem;

namespace {

/// Empty when it is not set.
std::string environment_value(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// Of all that makes a program from a train.cpp.
std::string hash_of_kit(const fs::path& root) {
    std::vector<fs::path> files = {root / "build-trainer"};
    for (const char* folder : {"include", "prepare", "util"}) {
        for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
            const auto extension = entry.path().extension();
            if (extension == ".h" || extension == ".cpp") files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    Digest digest;
    for (const auto& file : files) {
        digest.add(file.lexically_relative(root).string());
        digest.add(read_file(file));
    }
    return hex(digest.value());
}

}  // namespace

Kit open_kit() {
    const std::string given = environment_value("AUTORESEARCH_KIT");
    Kit kit;
    kit.directory = given.empty() ? platform::self().parent_path() / "kit" : fs::path(given);
    const auto text = try_read_file(kit.directory / "kit.json");
    if (!text || !fs::exists(kit.directory / "build-trainer")) {
        throw UserError(
            "the trainer kit is missing: no kit.json and build-trainer in " + kit.directory.string(),
            given.empty() ? "build it with scripts/setup" : "AUTORESEARCH_KIT points there; unset it");
    }
    const auto json = nlohmann::json::parse(*text);
    kit.torch = json.at("torch").get<std::string>();
    kit.torch_version = json.at("torch_version").get<std::string>();
    kit.python = json.at("python").get<std::string>();
    kit.compiler = json.at("compiler").get<std::string>();
    if (::access(kit.compiler.c_str(), X_OK) != 0) {
        throw UserError("the C++ compiler " + kit.compiler + " is gone, so no train.cpp can be built",
                        "scripts/setup says what to install");
    }
    kit.hash = hash_of_kit(kit.directory);
    return kit;
}

fs::path cache_root() {
    if (const auto xdg = environment_value("XDG_CACHE_HOME"); !xdg.empty())
        return fs::path(xdg) / "autoresearch";
    const auto home = environment_value("HOME");
    if (home.empty())
        throw UserError("neither HOME nor XDG_CACHE_HOME is set, so there is no place for data");
    return fs::path(home) / ".cache" / "autoresearch";
}

fs::path data_root() {
    const auto given = environment_value("AUTORESEARCH_DATA");
    return given.empty() ? cache_root() / "data" : fs::path(given);
}

ResolvedConfig load_config(const FlagValues& flags, const fs::path& repository, const fs::path& kit) {
    ConfigSources sources;
    sources.flags = flags;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string entry = *variable;
        const auto equals = std::min(entry.find('='), entry.size());
        sources.environment[entry.substr(0, equals)] = entry.substr(std::min(equals + 1, entry.size()));
    }
    sources.repository = repository;
    sources.kit = kit;
    sources.default_preset = platform::default_preset();
    ResolvedConfig config = resolve_config(sources);
    // A path in a file of the repository is meant from its root, one on the command line from here.
    std::string& corpus = config.values.corpus;
    if (!config.asked_for("corpus") && fs::exists(repository / corpus))
        corpus = (repository / corpus).string();
    corpus = corpus_key(corpus);
    return config;
}

std::string working_source(const fs::path& repository) {
    if (auto text = try_read_file(repository / kEditableFile)) return *std::move(text);
    throw UserError("there is no " + std::string(kEditableFile) + " in " + repository.string(),
                    "run it in a clone of autoresearch");
}

DataRequest data_request(const Config& config) {
    return {config.corpus,      config.vocab_size, config.seq_len, config.eval_tokens,
            config.text_column, config.separator,  config.shards,  config.split_pattern};
}

PrepareOptions prepare_options(const Config& config, const fs::path& repository, const Kit& kit) {
    PrepareOptions options;
    options.request = data_request(config);
    options.data_root = data_root();
    options.torch_sources = kit.torch;
    options.corpora = shipped_file(repository, kit, "configs/corpora.json");
    options.parquet_reader = {kit.python.string(), "-I",
                              (kit.directory / "prepare/data/read_parquet.py").string()};
    options.threads = config.threads;
    return options;
}

PreparedData require_data(const ResolvedConfig& config) {
    if (auto found = find_prepared(data_request(config.values), data_root())) return *found;
    std::string command = "autoresearch prepare";
    const nlohmann::json values = config.values;
    for (const auto& key : config_keys()) {
        if (key.name == "preset" ||
            (key.kind == ConfigKey::data && config.origins.at(key.name) == flag_name(key.name)))
            command += " " + flag_name(key.name) + " " + values[key.name].dump();
    }
    throw UserError(
        fmt::format("no prepared data for corpus {} with vocabulary {} and {} tokens of context in {}",
                    config.values.corpus, config.values.vocab_size, config.values.seq_len,
                    data_root().string()),
        "run: " + command);
}

nlohmann::json probe_trainer(const Kit& kit, const std::vector<std::string>& flags) {
    const fs::path program = kit.directory.parent_path() / "train";
    std::string pattern = (fs::temp_directory_path() / "autoresearch-probe-XXXXXX").string();
    const Fd output(::mkstemp(pattern.data()));
    ProcessSpec spec;
    spec.command = {program.string()};
    spec.command.insert(spec.command.end(), flags.begin(), flags.end());
    spec.output = pattern;
    spec.limit = 120;
    const ProcessResult result = run_process(spec, NeverStop());
    const std::string text = try_read_file(pattern).value_or("");
    fs::remove(pattern);
    const auto json = nlohmann::json::parse(last_line(text), nullptr, false);
    if (!result.succeeded() || !json.is_object()) {
        const std::string why =
            !result.start_error.empty() ? result.start_error : std::string(last_line(text));
        throw UserError("the trainer does not start: " + why, "build it again with scripts/setup");
    }
    return json;
}

std::string resolve_device(const Config& config, const Kit& kit) {
    const std::string device =
        config.device == "auto" ? probe_trainer(kit).value("device", "cpu") : config.device;
    if (config.counts_cpu_time() && device != "cpu")
        throw UserError("--clock cpu counts the time of the CPU, and trials run on " + device,
                        "leave it out, or run them on the CPU: --device cpu");
    return device;
}

fs::path repository_root_or_empty() {
    try {
        return GitRepo::open(".").workdir();
    } catch (const UserError&) {
        return {};
    }
}

fs::path shipped_file(const fs::path& repository, const Kit& kit, const std::string& name) {
    const fs::path own = repository / name;
    return !repository.empty() && fs::is_regular_file(own) ? own : kit.directory / name;
}

}  // namespace autoresearch

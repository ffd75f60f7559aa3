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

std::optional<std::string> environment_value(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string hash_of_files(const fs::path& root, const std::vector<std::string>& folders) {
    std::vector<fs::path> files;
    for (const auto& folder : folders) {
        for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
            const auto extension = entry.path().extension();
            if (extension == ".h" || extension == ".cpp") files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    std::uint64_t hash = xxh64(read_file(root / "build-trainer"));
    for (const auto& file : files)
        hash = xxh64(read_file(file), xxh64(file.lexically_relative(root).string(), hash));
    return hex(hash);
}

}  // namespace

Kit open_kit() {
    const auto given = environment_value("AUTORESEARCH_KIT");
    Kit kit;
    kit.directory = given ? fs::path(*given) : platform::self().parent_path() / "kit";
    const auto text = try_read_file(kit.directory / "kit.json");
    if (!text || !fs::exists(kit.directory / "build-trainer")) {
        throw UserError(
            "the trainer kit is missing: no kit.json and build-trainer in " + kit.directory.string(),
            given ? "AUTORESEARCH_KIT points there; unset it, or name a whole kit"
                  : "build it with scripts/setup");
    }
    try {
        const auto json = nlohmann::json::parse(*text);
        kit.torch = json.at("torch").get<std::string>();
        kit.torch_version = json.at("torch_version").get<std::string>();
        kit.compiler = json.at("compiler").get<std::string>();
    } catch (const nlohmann::json::exception& error) {
        throw UserError((kit.directory / "kit.json").string() + " is damaged: " + error.what(),
                        "build it again with scripts/setup");
    }
    if (::access(kit.compiler.c_str(), X_OK) != 0) {
        throw UserError("the C++ compiler " + kit.compiler + " is gone, so no train.cpp can be built",
                        "scripts/setup says what to install");
    }
    kit.hash = hash_of_files(kit.directory, {"include", "prepare", "util"});
    return kit;
}

fs::path cache_root() {
    if (const auto xdg = environment_value("XDG_CACHE_HOME"); xdg && !xdg->empty())
        return fs::path(*xdg) / "autoresearch";
    if (const auto home = environment_value("HOME"); home && !home->empty()) {
        return fs::path(*home) / ".cache" / "autoresearch";
    }
    throw UserError("neither HOME nor XDG_CACHE_HOME is set, so there is no place for data", "set HOME");
}

fs::path data_root() {
    const auto given = environment_value("AUTORESEARCH_DATA");
    return given && !given->empty() ? fs::path(*given) : cache_root() / "data";
}

ResolvedConfig load_config(const FlagValues& flags, const fs::path& repository, const fs::path& kit) {
    ConfigSources sources;
    sources.flags = flags;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string entry = *variable;
        const auto equals = entry.find('=');
        if (equals != std::string::npos)
            sources.environment[entry.substr(0, equals)] = entry.substr(equals + 1);
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

UserError no_editable_file(const fs::path& repository) {
    return UserError("there is no " + std::string(kEditableFile) + " in " + repository.string(),
                     "run it in a clone of autoresearch");
}

DataRequest data_request(const Config& config) {
    return {config.corpus,      config.vocab_size, config.seq_len, config.eval_tokens,
            config.text_column, config.separator,  config.shards,  config.split_pattern};
}

PreparedData require_data(const ResolvedConfig& config) {
    if (auto found = find_prepared(data_request(config.values), data_root())) return *found;
    std::string command = "autoresearch prepare --preset " + config.values.preset;
    const auto keys = data_keys();
    for (const auto& row : config_keys()) {
        const bool given = config.origins.at(row.name) == flag_name(row.name);
        if (given && std::find(keys.begin(), keys.end(), row.name) != keys.end())
            command += " " + flag_name(row.name) + " " + value_text(config.values, row);
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

std::string resolve_device(const std::string& device, const Kit& kit) {
    return device == "auto" ? probe_trainer(kit).value("device", "cpu") : device;
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

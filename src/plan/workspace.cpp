#include "plan/workspace.h"

#include <spdlog/fmt/fmt.h>
#include <sys/utsname.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "plan/agent_reach.h"
#include "prepare/corpus/corpus.h"
#include "proc/platform.h"
#include "settings/places.h"
#include "settings/settle.h"
#include "trial/frozen_files.h"
#include "util/environment.h"
#include "util/file_digest.h"
#include "util/text.h"

namespace autoresearch {

namespace fs = std::filesystem;

ResolvedSettings load_settings(const FlagValues& flags, const fs::path& repository, const fs::path& kit) {
    ResolvedSettings config =
        resolve_settings({flags, current_environment(), repository, kit, platform::default_preset()});
    // A path in the repository's file is relative to its root, one on the command line to the current folder.
    config.values.corpus =
        corpus_key(config.values.corpus, config.asked_for("corpus") ? fs::path() : repository);
    print_notes(config);
    return config;
}

void print_notes(const ResolvedSettings& config) {
    for (const auto& note : config.notes) std::cerr << "note: " << note << "\n";
}

std::string working_source(const fs::path& repository) {
    if (auto text = try_read_file(repository / kEditableFile)) return *std::move(text);
    throw UserError("there is no " + std::string(kEditableFile) + " in " + repository.string(),
                    "run it in a clone of autoresearch");
}

DataRequest data_request(const Settings& config) {
    return {config.corpus,      config.vocab_size, config.seq_len, config.eval_tokens,
            config.text_column, config.separator,  config.shards,  config.split_pattern};
}

PrepareOptions prepare_options(const Settings& config, const fs::path& repository, const Kit& kit) {
    PrepareOptions options;
    options.request = data_request(config);
    options.data_root = data_root();
    options.torch_sources = kit.torch;
    options.corpora = shipped_file(repository, kit, "configs/corpora.json");
    options.parquet_reader = {kit.python.string(), "-I",
                              (kit.directory / "prepare/corpus/read_parquet.py").string()};
    options.threads = config.threads > 0 ? config.threads : platform::cores();
    return options;
}

static std::string prepare_command(const ResolvedSettings& config) {
    std::string command = "autoresearch prepare";
    for (const auto& key : setting_keys()) {
        if (key.name == "preset" ||
            (key.kind == SettingKey::data && config.origins.at(key.name) == key.flag()))
            command += " " + key.flag() + " " + key.get(config.values).dump();
    }
    return command;
}

PreparedData require_data(const ResolvedSettings& config) {
    if (auto found = find_prepared(data_request(config.values), data_root())) return *found;
    throw UserError(
        fmt::format("no prepared data for corpus {} with vocabulary {} and {} tokens of context in {}",
                    config.values.corpus, config.values.vocab_size, config.values.seq_len,
                    data_root().string()),
        "run: " + prepare_command(config));
}

/// The data set that the run started with. UserError if it is gone.
static fs::path require_same_data(const RunInfo& run) {
    const fs::path directory = data_root() / run.data;
    if (fs::exists(directory)) return directory;
    throw UserError(
        "data set " + run.data + " of run \"" + run.tag() + "\" is not in " + data_root().string(),
        "prepare it again: " + prepare_command(run.config));
}

std::string rebuilt_note(const RunInfo& run, const Kit& kit) {
    const auto note = [&](const std::string& what, const std::string& how) {
        return what + " since run \"" + run.tag() + "\" began (" + how +
               "): results may not be comparable with earlier ones";
    };
    if (run.kit != kit.hash || run.torch != kit.torch_version)
        return note("the fixed half was rebuilt", run.kit + " -> " + kit.hash);
    for (const auto& [name, digest] : run.kit_files)
        if (file_digest(kit.directory / name) != digest)
            return note("the kit was rebuilt from the same sources", name);
    return "";
}

std::string path_note(const RunInfo& run) {
    const std::string kernels = nlohmann::json::parse(run.known).value("kernels", "ok");
    return kernels == "ok" ? "" : "the GPU takes the plain path in this run: " + kernels;
}

BoxKind require_box(BoxKind asked) {
    const auto found = find_box(asked);
    if (found.ok()) return found.value();
    throw UserError("nothing holds a candidate's code in walls here (" + found.failure().reason + ")",
                    "scripts/setup installs bubblewrap; or go on with your own rights: --no-box");
}

Settings settle_here(const Settings& asked, const std::string& device) {
    Settings settled =
        settle(asked, {device, platform::cores(), static_cast<double>(platform::memory_bytes()) / (1 << 30)});
    settled.box = require_box(asked.box);
    return settled;
}

Walls walls_here(const Kit& kit, const Settings& asked, BoxKind kind) {
    const auto git = GitRepo::find(".");
    return {kind, kit, private_places(git ? &*git : nullptr, asked)};
}

static nlohmann::json probe_behind(const Walls& walls, const std::vector<std::string>& flags) {
    std::string fault = "it finds the CPU alone";
    try {
        nlohmann::json known = probe_trainer(walls.kit, flags, &walls);
        const bool hidden = known.at("device") == "cpu" && walls.kind != BoxKind::none;
        if (!hidden || platform::gpu_devices().empty()) return known;
        if (probe_trainer(walls.kit, flags).at("device") == "cpu") return known;
    } catch (const UserError& error) {
        if (walls.kind == BoxKind::none) throw;
        fault = error.what();
        probe_trainer(walls.kit, flags);  // throws where the walls are not to blame
    }
    throw UserError(
        fmt::format("behind walls ({}) a trial does not reach the device: {}", to_string(walls.kind), fault),
        "go on with all of your own rights: --no-box");
}

DeviceFacts measure_device(const Settings& asked, const Walls& walls) {
    const int threads = asked.threads > 0 ? asked.threads : platform::cores();
    const nlohmann::json known =
        probe_behind(walls, {"--probe", "--device", asked.device, "--threads", std::to_string(threads)});
    const std::string self_check = known.at("self_check");
    if (self_check != "ok")
        throw UserError("this device computes wrong results: " + self_check,
                        "use --device cpu, or another version of the system or of torch");
    return {known.at("device"), known.dump()};
}

TrialPlace place_by_hand(const ResolvedSettings& config, const Kit& kit) {
    const auto data = require_data(config).directory;
    const Walls walls = walls_here(kit, config.values, require_box(config.values.box));
    const auto [device, known] = measure_device(config.values, walls);
    return {kit, settle_here(config.values, device), data, known, {}, walls};
}

std::pair<std::string, TrialPlace> settle_by_hand(const GitRepo& git, const FlagValues& flags) {
    const Kit kit = open_kit();
    const std::string source = working_source(git.workdir());
    const TrialPlace place = place_by_hand(load_settings(flags, git.workdir(), kit.directory), kit);
    git.ensure_ignored();
    return {source, place};
}

static std::map<std::string, std::string> digests_of(const std::vector<fs::path>& names,
                                                     const fs::path& folder) {
    std::map<std::string, std::string> digests;
    for (const fs::path& name : names) digests[name.string()] = file_digest(folder / name);
    return digests;
}

TrialPlace place_of(RunInfo& run, const Kit& kit, const FlagValues& flags) {
    const fs::path data = require_same_data(run);
    Settings asked = run.config.values;
    if (flags.contains("box")) asked.box = BoxKind::none;
    const Walls walls = walls_here(kit, asked, require_box(asked.box));
    if (run.known.empty()) {
        if (!run.device.empty()) asked.device = run.device;
        const auto [device, known] = measure_device(asked, walls);
        run.device = device;
        run.known = known;
    }
    const auto kit_files = digests_of(files_of(kit), kit.directory);
    if (run.kit_files.empty()) run.kit_files = kit_files;
    if (run.data_files.empty()) {
        read_meta(data, true);  // throws if anything is damaged: what is frozen must be right
        run.data_files = digests_of({kMetaFile, kTokenizerFile, kTrainFile, kValFile, kTestFile}, data);
    }
    TrialPlace place{kit, settle_here(asked, run.device), data, run.known, {}, walls};
    // A kit may have been rebuilt between two starts, which is said, but not while one goes on.
    for (const auto& [name, digest] : kit_files)
        place.files.push_back({(kit.directory / name).lexically_normal(), digest,
                               "if you rebuilt the project, start again; if not, remove " +
                                   kit.directory.string() + " and run scripts/setup first"});
    for (const auto& [name, digest] : run.data_files)
        place.files.push_back({data / name, digest,
                               "remove " + data.string() + ", prepare it again (" +
                                   prepare_command(run.config) + "), and start again"});
    require_unchanged(place.files);
    return place;
}

std::map<std::string, std::string> this_machine(const Kit& kit) {
    utsname system{};
    ::uname(&system);
    std::map<std::string, std::string> machine = {
        {"cpu", platform::cpu_model()},
        {"gpu", platform::gpu_model()},
        {"cores", std::to_string(platform::cores())},
        {"memory", fmt::format("{} GiB", platform::memory_bytes() >> 30)},
        {"system", fmt::format("{} {} {}", system.sysname, system.release, system.machine)},
        {"compiler", kit.compiler_version}};
    std::erase_if(machine, [](const auto& each) { return each.second.empty(); });
    return machine;
}

std::string moved_note(const RunInfo& run, const Kit& kit) {
    std::string text;
    const auto here = this_machine(kit);
    for (const char* what : {"cpu", "gpu", "cores"}) {
        const auto now = here.find(what), then = run.machine.find(what);
        if (now != here.end() && then != run.machine.end() && now->second != then->second)
            text += fmt::format("{}{} {} -> {}", text.empty() ? "" : "; ", what, then->second, now->second);
    }
    return text.empty() ? ""
                        : "this run began on another machine (" + text + "): results may not be comparable";
}

fs::path repository_root_or_empty() {
    const auto git = GitRepo::find(".");
    return git ? git->workdir() : fs::path();
}

}  // namespace autoresearch

#include "cli/config.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limits>
#include <type_traits>

#include "autoresearch/error.h"
#include "util/nearest.h"

namespace autoresearch {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const char* const kConfigFile = "autoresearch.json";
constexpr const char* kEnvironmentPrefix = "AUTORESEARCH_";
// Variables with the prefix that are places on this machine, not settings of a run.
constexpr const char* kPlaceVariables[] = {"AUTORESEARCH_DATA", "AUTORESEARCH_KIT"};

constexpr double kDay = 86400;

const ConfigKey* find_key(const std::string& name) {
    for (const auto& key : config_keys()) {
        if (name == key.name) return &key;
    }
    return nullptr;
}

std::vector<std::string> key_names() {
    std::vector<std::string> names{"preset"};
    for (const auto& key : config_keys()) names.emplace_back(key.name);
    return names;
}

[[noreturn]] void fail_value(const ConfigKey& key, const std::string& origin, const std::string& got,
                             const std::string& wanted) {
    throw UserError(origin + ": " + key.name + " is " + got + ", but it must be " + wanted,
                    std::string(key.name) + ": " + key.help);
}

std::string range_text(const ConfigKey& key, bool integer) {
    const std::string kind = integer ? "a whole number" : "a number";
    return kind + " from " + number_text(key.min) + " to " + number_text(key.max);
}

template <class T>
void set_number(Config& config, const ConfigKey& key, T Config::* member, const json& value,
                const std::string& origin) {
    constexpr bool kInteger = std::is_integral_v<T>;
    const bool right_type = kInteger ? value.is_number_integer() : value.is_number();
    if (!right_type) fail_value(key, origin, value.dump(), range_text(key, kInteger));
    const double number = value.get<double>();
    if (!(number >= key.min && number <= key.max))
        fail_value(key, origin, value.dump(), range_text(key, kInteger));
    config.*member = value.get<T>();
}

void set_value(ResolvedConfig& config, const ConfigKey& key, const json& value, const std::string& origin) {
    std::visit(
        [&](auto member) {
            using T = std::remove_reference_t<decltype(config.values.*member)>;
            if constexpr (std::is_same_v<T, std::string>) {
                if (!value.is_string()) fail_value(key, origin, value.dump(), "text");
                config.values.*member = value.get<std::string>();
            } else {
                set_number(config.values, key, member, value, origin);
            }
        },
        key.member);
    config.origins[key.name] = origin;
}

/// A value given as text (flag, variable, default) as the JSON value of the key's type.
json parse_text(const ConfigKey& key, const std::string& text) {
    if (std::holds_alternative<std::string Config::*>(key.member)) return text;
    const json value = json::parse(text, nullptr, false);
    return value.is_discarded() ? json(text) : value;
}

json read_json_file(const fs::path& file) {
    std::ifstream in(file);
    if (!in) throw UserError("cannot read " + file.string());
    try {
        json object = json::parse(in, nullptr, true, true);
        if (!object.is_object()) throw UserError(file.string() + " is not a JSON object of settings");
        return object;
    } catch (const json::parse_error& error) {
        throw UserError(file.string() + " is not valid JSON: " + error.what());
    }
}

void apply_object(ResolvedConfig& config, const json& object, const std::string& origin) {
    for (const auto& [name, value] : object.items()) {
        if (name == "preset") continue;  // read before, to know which file to start from
        const ConfigKey* key = find_key(name);
        if (key == nullptr) {
            throw UserError(origin + ": unknown key \"" + name + "\"",
                            "did you mean \"" + nearest(name, key_names()) + "\"?");
        }
        set_value(config, *key, value, origin);
    }
}

fs::path preset_file(const ConfigSources& sources, const std::string& name, const std::string& origin) {
    std::vector<std::string> known;
    for (const fs::path& root : {sources.repository, sources.kit}) {
        if (root.empty()) continue;
        const fs::path file = root / "configs" / (name + ".json");
        if (fs::is_regular_file(file) && name.find('/') == std::string::npos) return file;
        if (!fs::is_directory(root / "configs")) continue;
        for (const auto& entry : fs::directory_iterator(root / "configs")) {
            const std::string stem = entry.path().stem().string();
            if (stem != "agents" && stem != "corpora") known.push_back(stem);
        }
    }
    throw UserError(
        origin + ": there is no preset \"" + name + "\"",
        known.empty() ? "no configs/ folder was found" : "did you mean \"" + nearest(name, known) + "\"?");
}

std::string upper(std::string name) {
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return name;
}

void check_environment_names(const ConfigSources& sources) {
    std::vector<std::string> known(std::begin(kPlaceVariables), std::end(kPlaceVariables));
    for (const auto& name : key_names()) known.push_back(kEnvironmentPrefix + upper(name));
    for (const auto& name : sources.environment_names) {
        if (name.rfind(kEnvironmentPrefix, 0) != 0) continue;
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            throw UserError("environment: unknown variable " + name,
                            "did you mean " + nearest(name, known) + "?");
        }
    }
}

ResolvedConfig default_config() {
    ResolvedConfig config;
    for (const auto& key : config_keys())
        set_value(config, key, parse_text(key, key.default_value), "default");
    return config;
}

/// The preset's name and where it was chosen.
std::pair<std::string, std::string> choose_preset(const ConfigSources& sources, const json& file) {
    if (const auto flag = sources.flags.find("preset"); flag != sources.flags.end())
        return {flag->second, "--preset"};
    if (const auto variable = sources.environment("AUTORESEARCH_PRESET"))
        return {*variable, "AUTORESEARCH_PRESET"};
    if (file.contains("preset")) {
        if (!file["preset"].is_string()) throw UserError(std::string(kConfigFile) + ": preset must be text");
        return {file["preset"].get<std::string>(), kConfigFile};
    }
    return {sources.default_preset, "default"};
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
    constexpr double kMax = std::numeric_limits<int>::max();
    static const std::vector<ConfigKey> kKeys = {
        {"corpus", &Config::corpus, "torch-sources", 0, 0, true,
         "text to train on: a known name, a file, a folder"},
        {"vocab_size", &Config::vocab_size, "8192", 261, 1 << 20, true, "token ids, the 4 specials included"},
        {"seq_len", &Config::seq_len, "2048", 8, 1 << 20, true, "tokens of context"},
        {"eval_tokens", &Config::eval_tokens, "2097152", 1, 1e12, true,
         "validation tokens of one evaluation"},
        {"text_column", &Config::text_column, "", 0, 0, true,
         "column or field with the text, for parquet and jsonl; default: text"},
        {"separator", &Config::separator, "", 0, 0, true,
         "what stands between the documents of a text file, \\n for a line end; default: a file is a "
         "document"},
        {"shards", &Config::shards, "10", 1, 1e6, true,
         "training files to fetch of a corpus in numbered files"},
        {"device", &Config::device, "auto", 0, 0, true, "auto, cpu, mps or cuda"},
        {"threads", &Config::threads, "0", 0, 4096, true, "CPU threads; 0: all"},
        {"budget", &Config::budget, "300", 1, 30 * kDay, true, "training seconds of one trial"},
        {"seed", &Config::seed, "1", 0, 9007199254740992, true, "seed of the trials"},
        {"build_limit", &Config::build_limit, "300", 1, kDay, false, "seconds a build may take"},
        {"startup_limit", &Config::startup_limit, "300", 1, kDay, false,
         "seconds to the end of the first step"},
        {"grace", &Config::grace, "15", 0.1, kDay, false,
         "seconds beyond the budget before the watchdog ends a trial"},
        {"eval_limit", &Config::eval_limit, "600", 1, kDay, false, "seconds the evaluation may take"},
        {"agent", &Config::agent, "", 0, 0, false,
         "coding agent: a name in configs/agents.json, or a command"},
        {"model", &Config::model, "", 0, 0, false, "model name passed to the agent"},
        {"agent_limit", &Config::agent_limit, "600", 1, kDay, false,
         "seconds the agent may take for one proposal"},
        {"tag", &Config::tag, "", 0, 0, true,
         "name of the run; default: tonight's, named after the day (nov22)"},
        {"experiments", &Config::experiments, "0", 0, kMax, false,
         "stop after this many in all, the baseline not counted; 0: never"},
        {"hours", &Config::hours, "0", 0, 24 * 365, false, "stop after this many hours; 0: never"},
        {"max_failures", &Config::max_failures, "5", 0, kMax, false,
         "unusable proposals in a row before giving up"},
    };
    return kKeys;
}

ResolvedConfig resolve_config(const ConfigSources& sources) {
    ResolvedConfig config = default_config();

    const fs::path file = sources.repository / kConfigFile;
    const json object =
        !sources.repository.empty() && fs::exists(file) ? read_json_file(file) : json::object();
    check_environment_names(sources);

    const auto [preset, preset_origin] = choose_preset(sources, object);
    config.values.preset = preset;
    config.origins["preset"] = preset_origin;
    const fs::path preset_path = preset_file(sources, preset, preset_origin);
    apply_object(config, read_json_file(preset_path), "configs/" + preset_path.filename().string());
    apply_object(config, object, kConfigFile);

    for (const auto& key : config_keys()) {
        const std::string variable = kEnvironmentPrefix + upper(key.name);
        if (const auto text = sources.environment(variable))
            set_value(config, key, parse_text(key, *text), variable);
    }
    for (const auto& [name, text] : sources.flags) {
        if (const ConfigKey* key = find_key(name))
            set_value(config, *key, parse_text(*key, text), flag_name(name));
    }

    const std::vector<std::string> devices = {"auto", "cpu", "mps", "cuda"};
    const std::string& device = config.values.device;
    if (std::find(devices.begin(), devices.end(), device) == devices.end()) {
        throw UserError(config.origins["device"] + ": device is \"" + device + "\"",
                        "did you mean \"" + nearest(device, devices) + "\"?");
    }
    return config;
}

std::string flag_name(const std::string& key) {
    std::string flag = "--" + key;
    for (char& c : flag) c = c == '_' ? '-' : c;
    return flag;
}

json to_json(const ResolvedConfig& config) {
    json object;
    object["preset"] = {{"value", config.values.preset}, {"origin", config.origins.at("preset")}};
    for (const auto& key : config_keys()) {
        std::visit([&](auto member) { object[key.name]["value"] = config.values.*member; }, key.member);
        object[key.name]["origin"] = config.origins.at(key.name);
    }
    return object;
}

ResolvedConfig resolved_from_json(const json& object, const std::string& file) {
    ResolvedConfig config = default_config();
    try {
        config.values.preset = object.at("preset").at("value").get<std::string>();
        config.origins["preset"] = object.at("preset").at("origin").get<std::string>();
        for (const auto& key : config_keys()) {
            if (!object.contains(key.name)) continue;  // a setting that is younger than the run
            set_value(config, key, object.at(key.name).at("value"), file);
            config.origins[key.name] = object.at(key.name).at("origin").get<std::string>();
        }
    } catch (const json::exception& error) {
        throw UserError(file + " is damaged: " + error.what(), "start a new run with another --tag");
    }
    return config;
}

std::string value_text(const Config& config, const ConfigKey& key) {
    return std::visit(
        [&](auto member) {
            if constexpr (std::is_same_v<decltype(member), double Config::*>)
                return number_text(config.*member);
            return json(config.*member).dump();
        },
        key.member);
}

std::string number_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.10g", value);
    return text;
}

ResolvedConfig continue_config(const ResolvedConfig& recorded, const ResolvedConfig& now) {
    ResolvedConfig config = recorded;
    for (const auto& key : config_keys()) {
        const std::string& origin = now.origins.at(key.name);
        const bool asked_for = origin.rfind("--", 0) == 0 || origin.rfind(kEnvironmentPrefix, 0) == 0;
        if (!asked_for) continue;
        const std::string before = value_text(recorded.values, key), after = value_text(now.values, key);
        if (key.frozen && before != after) {
            throw UserError(origin + " is " + after + ", but run \"" + recorded.values.tag +
                                "\" was started with " + before,
                            "leave it out to go on with that run, or start another one with --tag NAME");
        }
        std::visit([&](auto member) { config.values.*member = now.values.*member; }, key.member);
        config.origins[key.name] = origin;
    }
    return config;
}

}  // namespace autoresearch

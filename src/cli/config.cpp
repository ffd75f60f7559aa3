#include "cli/config.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "autoresearch/error.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kConfigFile = "autoresearch.json";
constexpr const char* kPrefix = "AUTORESEARCH_";
// Variables with the prefix that are places on this machine, not settings of a run.
constexpr const char* kPlaceVariables[] = {"AUTORESEARCH_DATA", "AUTORESEARCH_KIT"};

std::vector<std::string> key_names() {
    std::vector<std::string> names{"preset"};
    for (const auto& key : config_keys()) names.emplace_back(key.name);
    return names;
}

std::string variable_name(const std::string& key) {
    std::string name = kPrefix + key;
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return name;
}

/// What a value of this key must be; empty when this one is.
template <class T>
std::string wanted(const ConfigKey& key, const json& value) {
    if constexpr (std::is_same_v<T, std::string>) {
        if (!value.is_string()) return "text";
        const auto& choices = key.choices;
        const bool known =
            std::find(choices.begin(), choices.end(), value.get<std::string>()) != choices.end();
        return known || choices.empty() ? "" : fmt::format("one of {}", fmt::join(choices, ", "));
    } else if constexpr (std::is_same_v<T, bool>) {
        return value.is_boolean() ? "" : "true or false";
    } else {
        const bool right_type = std::is_integral_v<T> ? value.is_number_integer() : value.is_number();
        if (right_type && value >= key.min && value <= key.max) return "";
        return fmt::format("{} from {} to {}", std::is_integral_v<T> ? "a whole number" : "a number", key.min,
                           key.max);
    }
}

void set_value(ResolvedConfig& config, const ConfigKey& key, const json& value, const std::string& origin) {
    const auto set = [&](auto member) {
        using T = std::remove_reference_t<decltype(config.values.*member)>;
        const std::string problem = wanted<T>(key, value);
        if (!problem.empty()) {
            throw UserError(
                fmt::format("{}: {} is {}, but it must be {}", origin, key.name, value.dump(), problem),
                fmt::format("{}: {}", key.name, key.help));
        }
        config.values.*member = value.get<T>();
    };
    std::visit(set, key.member);
    config.origins[key.name] = origin;
}

/// A value given as text by a flag or a variable.
void set_text(ResolvedConfig& config, const ConfigKey& key, const std::string& text,
              const std::string& origin) {
    const bool is_text = std::holds_alternative<std::string Config::*>(key.member);
    const json value = is_text ? json(text) : json::parse(text, nullptr, false);
    set_value(config, key, value.is_discarded() ? json(text) : value, origin);
}

void set_object(ResolvedConfig& config, const json& object, const std::string& origin) {
    for (const auto& [name, value] : object.items()) {
        if (name == "preset") continue;  // read before, to know which file to start from
        const auto& keys = config_keys();
        const auto key = std::find_if(keys.begin(), keys.end(), [&, &wanted_name = name](const auto& row) {
            return wanted_name == row.name;
        });
        if (key == keys.end()) {
            throw UserError(origin + ": unknown key \"" + name + "\"",
                            "did you mean \"" + nearest(name, key_names()) + "\"?");
        }
        set_value(config, *key, value, origin);
    }
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

fs::path preset_file(const ConfigSources& sources, const std::string& name, const std::string& origin) {
    std::vector<std::string> known;
    for (const fs::path& root : {sources.repository, sources.kit}) {
        if (root.empty() || !fs::is_directory(root / "configs")) continue;
        for (const auto& entry : fs::directory_iterator(root / "configs")) {
            const std::string stem = entry.path().stem().string();
            if (stem == "agents" || stem == "corpora") continue;
            if (stem == name) return entry.path();
            known.push_back(stem);
        }
    }
    throw UserError(
        origin + ": there is no preset \"" + name + "\"",
        known.empty() ? "no configs/ folder was found" : "did you mean \"" + nearest(name, known) + "\"?");
}

void check_environment_names(const ConfigSources& sources) {
    std::vector<std::string> known(std::begin(kPlaceVariables), std::end(kPlaceVariables));
    for (const auto& name : key_names()) known.push_back(variable_name(name));
    for (const auto& [name, value] : sources.environment) {
        if (name.rfind(kPrefix, 0) == 0 && std::find(known.begin(), known.end(), name) == known.end()) {
            throw UserError("environment: unknown variable " + name,
                            "did you mean " + nearest(name, known) + "?");
        }
    }
}

ResolvedConfig default_config() {
    ResolvedConfig config;
    for (const auto& name : key_names()) config.origins[name] = "default";
    return config;
}

void choose_preset(ResolvedConfig& config, const ConfigSources& sources, const json& file) {
    const auto choose = [&](const std::string& name, const std::string& origin) {
        config.values.preset = name;
        config.origins["preset"] = origin;
    };
    const std::string variable = variable_name("preset");
    choose(sources.default_preset, "default");
    if (file.contains("preset")) {
        if (!file["preset"].is_string()) throw UserError(std::string(kConfigFile) + ": preset must be text");
        choose(file["preset"], kConfigFile);
    }
    if (sources.environment.count(variable)) choose(sources.environment.at(variable), variable);
    if (sources.flags.count("preset")) choose(sources.flags.at("preset"), "--preset");
}

}  // namespace

bool ResolvedConfig::asked_for(const std::string& key) const {
    const std::string& origin = origins.at(key);
    return origin.rfind("--", 0) == 0 || origin.rfind(kPrefix, 0) == 0;
}

ResolvedConfig resolve_config(const ConfigSources& sources) {
    ResolvedConfig config = default_config();
    check_environment_names(sources);
    const fs::path file = sources.repository / kConfigFile;
    const json own = !sources.repository.empty() && fs::exists(file) ? read_json_file(file) : json::object();
    choose_preset(config, sources, own);
    const fs::path preset = preset_file(sources, config.values.preset, config.origins["preset"]);
    set_object(config, read_json_file(preset), "configs/" + preset.filename().string());
    set_object(config, own, kConfigFile);
    for (const auto& key : config_keys()) {
        const std::string variable = variable_name(key.name);
        const auto text = sources.environment.find(variable);
        if (text != sources.environment.end()) set_text(config, key, text->second, variable);
        const auto flag = sources.flags.find(key.name);
        if (flag != sources.flags.end()) set_text(config, key, flag->second, flag_name(key.name));
    }
    return config;
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
            if constexpr (std::is_same_v<decltype(member), std::string Config::*>)
                return json(config.*member).dump();
            else
                return fmt::format("{}", config.*member);
        },
        key.member);
}

ResolvedConfig continue_config(const ResolvedConfig& recorded, ResolvedConfig now,
                               const std::string& device) {
    ResolvedConfig config = recorded;
    if (now.values.device == device) now.values.device = recorded.values.device;
    for (const auto& key : config_keys()) {
        if (!now.asked_for(key.name)) continue;
        const std::string& origin = now.origins.at(key.name);
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

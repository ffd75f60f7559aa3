#include "settings/resolve.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>

#include <algorithm>

#include "autoresearch/error.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::json;
using Type = json::value_t;
namespace fs = std::filesystem;

constexpr const char* kConfigFile = "autoresearch.json";
constexpr const char* kPrefix = "AUTORESEARCH_";

const SettingKey& find_key(const std::string& name, const std::string& origin) {
    std::vector<std::string> names;
    for (const auto& key : setting_keys()) {
        if (key.name == name) return key;
        names.push_back(key.name);
    }
    throw UserError(origin + ": unknown key \"" + name + "\"",
                    "did you mean \"" + nearest(name, names) + "\"?");
}

/// What a value of this key must be; empty when this one is.
std::string wanted(const SettingKey& key, const json& value) {
    if (key.type == Type::string) {
        const bool known = key.choices.empty() ||
                           (value.is_string() && std::find(key.choices.begin(), key.choices.end(),
                                                           value.get<std::string>()) != key.choices.end());
        return value.is_string() && known ? ""
               : key.choices.empty()      ? "text"
                                          : fmt::format("one of {}", fmt::join(key.choices, ", "));
    }
    if (key.type == Type::boolean) return value.is_boolean() ? "" : "true or false";
    const bool whole = key.type != Type::number_float;
    const bool right_type = whole ? value.is_number_integer() : value.is_number();
    if (right_type && value >= key.min && value <= key.max) return "";
    return fmt::format("{} from {} to {}", whole ? "a whole number" : "a number", key.min, key.max);
}

std::string text_of(const json& value) {
    return value.is_number() ? fmt::format("{}", value.get<double>()) : value.dump();
}

/// What one place says: values by key.
struct Layer {
    json values = json::object();
    std::map<std::string, std::string> origins = {};  // of each

    void add(const std::string& name, const json& value, const std::string& origin) {
        const SettingKey& key = find_key(name, origin);
        const std::string problem = wanted(key, value);
        if (!problem.empty())
            throw UserError(
                fmt::format("{}: {} is {}, but it must be {}", origin, name, text_of(value), problem),
                name + ": " + key.help);
        values[name] = value;
        origins[name] = origin;
    }

    void add_text(const std::string& name, const std::string& text, const std::string& origin) {
        const bool is_text = find_key(name, origin).type == Type::string;
        const json value = is_text ? json(text) : json::parse(text, nullptr, false);
        add(name, value.is_discarded() ? json(text) : value, origin);
    }

    void add_file(const fs::path& file, const std::string& origin) {
        try {
            const json object = json::parse(read_file(file), nullptr, true, true);
            for (const auto& [name, value] : object.get<std::map<std::string, json>>())
                add(name, value, origin);
        } catch (const json::exception& error) {
            throw UserError(file.string() + " is not a JSON object of settings: " + error.what());
        }
    }
};

fs::path preset_file(const SettingSources& sources, const std::string& name, const std::string& origin) {
    std::vector<std::string> known;
    std::error_code missing;
    for (const fs::path& root : {sources.repository, sources.kit}) {
        for (const auto& entry : fs::directory_iterator(root / "configs", missing)) {
            known.push_back(entry.path().stem().string());
            if (known.back() == name) return entry.path();
        }
    }
    throw UserError(origin + ": there is no preset \"" + name + "\"",
                    "did you mean \"" + nearest(name, known) + "\"?");
}

}  // namespace

std::string flag_name(const std::string& key) {
    return "--" + replace_all(key, "_", "-");
}

bool ResolvedSettings::asked_for(const std::string& key) const {
    const std::string& origin = origins.at(key);
    return origin.rfind("--", 0) == 0 || origin.rfind(kPrefix, 0) == 0;
}

ResolvedSettings resolve_settings(const SettingSources& sources) {
    Layer all, given;  // given: by file, variable and flag
    for (const auto& key : setting_keys()) all.origins[key.name] = "default";
    all.values = Settings{};
    all.values["preset"] = sources.default_preset;

    const fs::path file = sources.repository / kConfigFile;
    if (!sources.repository.empty() && fs::exists(file)) given.add_file(file, kConfigFile);
    for (const auto& [variable, text] : sources.environment) {
        // These two are places on this machine, not settings of a run.
        if (variable.rfind(kPrefix, 0) != 0 || variable == "AUTORESEARCH_DATA" ||
            variable == "AUTORESEARCH_KIT")
            continue;
        std::string name = variable.substr(std::string_view(kPrefix).size());
        for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        given.add_text(name, text, variable);
    }
    for (const auto& [name, text] : sources.flags) given.add_text(name, text, flag_name(name));

    const std::string preset = given.values.value("preset", sources.default_preset);
    const fs::path start =
        preset_file(sources, preset, given.origins.count("preset") ? given.origins["preset"] : "default");
    all.add_file(start, "configs/" + start.filename().string());
    for (const auto& [name, value] : given.values.items()) all.add(name, value, given.origins[name]);
    return {all.values.get<Settings>(), all.origins};
}

json to_json(const ResolvedSettings& config) {
    json object = config.values;
    for (const auto& [name, origin] : config.origins)
        object[name] = {{"value", object[name]}, {"origin", origin}};
    return object;
}

ResolvedSettings resolved_from_json(const json& object) {
    ResolvedSettings config;
    json values = Settings{};
    for (const auto& key : setting_keys()) {
        config.origins[key.name] = "default";  // of a setting that is younger than the run
        if (!object.contains(key.name)) continue;
        values[key.name] = object[key.name].at("value");
        config.origins[key.name] = object[key.name].at("origin");
    }
    config.values = values.get<Settings>();
    return config;
}

std::string budget_text(const Settings& config) {
    return fmt::format("{:.10g} s{}", config.budget, config.counts_cpu_time() ? " cpu" : "");
}

ResolvedSettings continue_settings(const ResolvedSettings& recorded, ResolvedSettings now,
                                   const std::string& device) {
    if (now.values.device == device) now.values.device = recorded.values.device;
    const json asked = now.values;
    json values = recorded.values;
    ResolvedSettings config = recorded;
    for (const auto& key : setting_keys()) {
        if (!now.asked_for(key.name)) continue;
        const json before = values[key.name];
        const json& after = asked[key.name];
        const std::string& origin = now.origins.at(key.name);
        if (key.kind != SettingKey::free && before != after)
            throw UserError(fmt::format("{} is {}, but run \"{}\" was started with {}", origin,
                                        text_of(after), recorded.values.tag, text_of(before)),
                            "leave it out to go on with that run, or start another one with --tag NAME");
        values[key.name] = after;
        config.origins[key.name] = origin;
    }
    config.values = values.get<Settings>();
    return config;
}

}  // namespace autoresearch

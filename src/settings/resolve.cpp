#include "settings/resolve.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <vector>

#include "autoresearch/error.h"
#include "util/json.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::json;
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
                    did_you_mean(name, names, "autoresearch run --help lists the settings"));
}

/// Replaces names of the previous version with today's, and adds a note.
void translate(std::string& name, json& value, const std::string& origin, std::vector<std::string>& notes) {
    const OldName* old = old_name(name);
    if (old == nullptr) return;
    notes.push_back(fmt::format(
        "{}: {} is now called {}, and its value {} is now {}; the next version will know only the new names",
        origin, old->name, old->now, old->value, old->value_now));
    name = old->now;
    if (value == old->value) value = old->value_now;
}

/// "90", "90s", "1.5m" or "2h" in seconds.
std::optional<double> seconds_in(const std::string& text) {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    const std::map<std::string, double> units = {{"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}};
    const auto unit = units.find(end);
    if (end == text.c_str() || unit == units.end()) return std::nullopt;
    return number * unit->second;
}

/// The values from one source, by key.
struct Layer {
    std::map<std::string, json> values = {};
    std::map<std::string, std::string> origins = {};  // of each
    std::vector<std::string> notes = {};

    void add(std::string name, json value, const std::string& origin) {
        translate(name, value, origin, notes);
        const SettingKey& key = find_key(name, origin);
        const std::string problem = key.wanted(value);
        if (!problem.empty())
            throw UserError(
                fmt::format("{}: {} is {}, but it must be {}", origin, name, value_text(value), problem),
                name + ": " + key.help);
        values[name] = value;
        origins[name] = origin;
    }

    void add_text(const std::string& name, const std::string& text, const std::string& origin) {
        const OldName* old = old_name(name);
        const SettingKey& key = find_key(old != nullptr ? old->now : name, origin);
        json value = key.is_text() ? json(text) : try_parse_json(text);
        const auto seconds = key.is_duration() ? seconds_in(text) : std::nullopt;
        if (seconds) value = *seconds;
        add(name, value.is_discarded() ? json(text) : value, origin);
    }

    void add_file(const fs::path& file, const std::string& origin) {
        const std::string text = read_file(file);
        std::map<std::string, json> settings;
        try {
            parse_json(text, true).get_to(settings);
        } catch (const std::exception& error) {
            throw UserError(file.string() + " is not a JSON object of settings: " + error.what());
        }
        for (const auto& [name, value] : settings) add(name, value, origin);
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
                    did_you_mean(name, known, "presets are the files in configs/"));
}

}  // namespace

bool ResolvedSettings::asked_for(const std::string& key) const {
    const std::string& origin = origins.at(key);
    return origin.rfind("--", 0) == 0 || origin.rfind(kPrefix, 0) == 0;
}

ResolvedSettings resolve_settings(const SettingSources& sources) {
    Layer preset, given;  // given: from file, variable and flag
    const fs::path file = sources.repository / kConfigFile;
    if (!sources.repository.empty() && fs::exists(file)) given.add_file(file, kConfigFile);
    for (const auto& [variable, text] : sources.environment) {
        // These two name places on this machine, not settings of a run.
        if (variable.rfind(kPrefix, 0) != 0 || variable == "AUTORESEARCH_DATA" ||
            variable == "AUTORESEARCH_KIT")
            continue;
        std::string name = variable.substr(std::string_view(kPrefix).size());
        for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        given.add_text(name, text, variable);
    }
    for (const auto& [name, text] : sources.flags) given.add_text(name, text, flag_name(name));

    const bool named = given.values.count("preset") > 0;
    const fs::path start =
        preset_file(sources, named ? given.values["preset"].get<std::string>() : sources.default_preset,
                    named ? given.origins["preset"] : "default");
    preset.add_file(start, "configs/" + start.filename().string());

    ResolvedSettings resolved;
    resolved.values.preset = sources.default_preset;
    for (const Layer* layer : {&preset, &given})
        resolved.notes.insert(resolved.notes.end(), layer->notes.begin(), layer->notes.end());
    for (const auto& key : setting_keys()) {
        resolved.origins[key.name] = "default";
        for (const Layer* layer : {&preset, &given}) {
            const auto found = layer->values.find(key.name);
            if (found == layer->values.end()) continue;
            key.set(resolved.values, found->second);
            resolved.origins[key.name] = layer->origins.at(key.name);
        }
    }
    return resolved;
}

json to_json(const ResolvedSettings& settings) {
    json object;
    for (const auto& key : setting_keys())
        object[key.name] = {{"value", key.get(settings.values)}, {"origin", settings.origins.at(key.name)}};
    return object;
}

ResolvedSettings resolved_from_json(json object) {
    ResolvedSettings settings;
    settings.values.clock = ClockKind::wall;  // of a run older than the setting
    for (const OldName& old : kOldNames) {
        if (!object.contains(old.name)) continue;
        std::string name = old.name;
        json setting = object[name];
        translate(name, setting.at("value"), "run.json", settings.notes);
        if (!object.contains(name)) object[name] = setting;
    }
    for (const auto& key : setting_keys()) {
        settings.origins[key.name] = "default";  // for a setting newer than the run
        if (!object.contains(key.name)) continue;
        const json& value = object[key.name].at("value");
        if (const std::string wanted = key.wanted(value); !wanted.empty())
            throw std::invalid_argument(key.name + " is not " + wanted);
        key.set(settings.values, value);
        settings.origins[key.name] = object[key.name].at("origin");
    }
    return settings;
}

ResolvedSettings continue_settings(const ResolvedSettings& recorded, ResolvedSettings now,
                                   const std::string& device) {
    if (now.values.device == device) now.values.device = recorded.values.device;
    if (now.values.clock == ClockKind::automatic) now.values.clock = recorded.values.clock;
    ResolvedSettings settings = recorded;
    for (const auto& key : setting_keys()) {
        if (!now.asked_for(key.name)) continue;
        const json before = key.get(recorded.values), after = key.get(now.values);
        const std::string& origin = now.origins.at(key.name);
        if (key.kind != SettingKey::free && before != after)
            throw UserError(fmt::format("{} is {}, but run \"{}\" was started with {}", origin,
                                        value_text(after), recorded.values.tag, value_text(before)),
                            "leave it out to continue that run, or start another one with --tag NAME");
        key.set(settings.values, after);
        settings.origins[key.name] = origin;
    }
    return settings;
}

}  // namespace autoresearch

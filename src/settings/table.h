#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "contract/settings.h"

namespace autoresearch {

/// One row of the settings table: the member of Settings, its allowed values, its meaning. The default is the
/// member's. The flag is --name with dashes, the environment variable AUTORESEARCH_NAME, the JSON key the
/// name itself.
struct SettingKey {
    using Member = std::variant<std::string Settings::*, bool Settings::*, int Settings::*,
                                std::int64_t Settings::*, std::uint64_t Settings::*, double Settings::*,
                                ClockKind Settings::*, JudgeRule Settings::*, BoxKind Settings::*>;
    enum Kind {
        data,    // selects the data set; frozen too
        frozen,  // changing it makes results incomparable, so a run keeps the value it started with
        free,
    };
    std::string name;
    Member member;
    Kind kind;
    std::string help;
    double min = 0, max = 0;                     // of numbers
    std::vector<std::string_view> choices = {};  // of texts; empty: any. Enums fill theirs in

    nlohmann::json get(const Settings& settings) const;
    /// wanted() must have accepted the value.
    void set(Settings& settings, const nlohmann::json& value) const;
    /// Says for a person what the value must be; empty if it is valid.
    std::string wanted(const nlohmann::json& value) const;
    bool is_switch() const;
    bool is_duration() const;  // in seconds
    bool is_text() const;      // enums too
    std::string flag() const;
};

const std::vector<SettingKey>& setting_keys();

/// A renamed setting of the previous version, and its one renamed value. This version accepts the old names
/// with a note; the next one need not.
struct OldName {
    const char *name, *now, *value, *value_now;
};
inline constexpr OldName kOldNames[] = {{"confirm", "judge", "none", "plain"}};
/// Null if this is not an old name.
const OldName* old_name(const std::string& name);

/// vocab_size -> --vocab-size
std::string flag_name(const std::string& key);

/// Formats a value for a person: a number, or JSON.
std::string value_text(const nlohmann::json& value);

/// "300 s", or "300 s cpu" where the budget counts CPU time.
std::string budget_text(const Settings& settings);

}  // namespace autoresearch

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "contract/settings.h"

namespace autoresearch {

/// One row of the table of settings: the member of Settings, what it may be, what it means. Its default is
/// the member's. The flag is --name with dashes, the environment variable AUTORESEARCH_NAME, the JSON key the
/// name itself.
struct SettingKey {
    using Member = std::variant<std::string Settings::*, bool Settings::*, int Settings::*,
                                std::int64_t Settings::*, std::uint64_t Settings::*, double Settings::*,
                                ClockKind Settings::*, JudgeRule Settings::*>;
    enum Kind {
        data,    // says which data set is meant; frozen too
        frozen,  // a change of it makes results incomparable, so a run keeps the value it was started with
        free,
    };
    std::string name;
    Member member;
    Kind kind;
    std::string help;
    double min = 0, max = 0;                     // of numbers
    std::vector<std::string_view> choices = {};  // of texts; empty: any. Those of an enum need not be named

    nlohmann::json get(const Settings& settings) const;
    /// The value must be one that wanted() has nothing against.
    void set(Settings& settings, const nlohmann::json& value) const;
    /// What a value must be, for a person; empty when this one is.
    std::string wanted(const nlohmann::json& value) const;
    bool is_switch() const;
    bool is_text() const;  // enums too
    std::string flag() const;
};

const std::vector<SettingKey>& setting_keys();

/// A setting of the version before, and the value of it that has another name too. This version takes both
/// and says so; the next one need not.
struct OldName {
    const char *name, *now, *value, *value_now;
};
inline constexpr OldName kOldNames[] = {{"confirm", "judge", "none", "plain"}};
/// Null when this is no old name.
const OldName* old_name(const std::string& name);

/// vocab_size -> --vocab-size
std::string flag_name(const std::string& key);

/// A value for a person: a number, or JSON.
std::string value_text(const nlohmann::json& value);

/// "300 s", or "300 s cpu" where the budget counts CPU time.
std::string budget_text(const Settings& settings);

}  // namespace autoresearch

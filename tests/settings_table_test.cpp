#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "settings/table.h"

namespace autoresearch {
namespace {

/// Becomes whatever a member is made from.
struct Anything {
    template <class Type>
    operator Type() const;  // NOLINT(google-explicit-constructor): that is what it is for
};

template <class Type, std::size_t... Numbers>
constexpr bool has_members(std::index_sequence<Numbers...>) {
    return requires { Type{(static_cast<void>(Numbers), Anything{})...}; };
}

template <class Type, std::size_t Most>
constexpr std::size_t members() {
    if constexpr (has_members<Type>(std::make_index_sequence<Most>()))
        return Most;
    else
        return members<Type, Most - 1>();
}

TEST(SettingsTable, EveryMemberHasARowOfItsOwn) {
    constexpr std::size_t kMore = 100;
    EXPECT_EQ(setting_keys().size(), (members<Settings, kMore>()));
    std::set<std::string> names;
    for (const auto& key : setting_keys()) {
        EXPECT_TRUE(names.insert(key.name).second) << key.name << " stands there twice";
        for (const auto& other : setting_keys())
            EXPECT_TRUE(&key == &other || key.member != other.member) << key.name << ", " << other.name;
    }
}

TEST(SettingsTable, EveryDefaultIsAllowedAndComesBack) {
    for (const auto& key : setting_keys()) {
        const nlohmann::json value = key.get(Settings{});
        EXPECT_EQ(key.wanted(value), "") << key.name;
        Settings other;
        key.set(other, value);
        EXPECT_EQ(key.get(other), value) << key.name;
        EXPECT_NE(key.wanted(nlohmann::json::object()), "") << key.name;
    }
}

TEST(SettingsTable, AClosedSetHasItsNamesAsChoices) {
    for (const auto& key : setting_keys()) {
        if (key.name != "clock") continue;
        EXPECT_EQ(key.choices, (std::vector<std::string_view>{"wall", "cpu", "auto"}));
        EXPECT_EQ(key.wanted("gpu"), "one of wall, cpu, auto");
        Settings settings;
        key.set(settings, "cpu");
        EXPECT_EQ(settings.clock, ClockKind::cpu);
    }
}

}  // namespace
}  // namespace autoresearch

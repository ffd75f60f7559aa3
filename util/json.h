#pragma once

#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

// JSON from outside. nlohmann's library takes it as well, but casts numbers to what they do not fit in, and
// its copies and dumps go down as deep as the text does, until the stack ends.
namespace autoresearch {

/// Throws nlohmann's parse error for what is no JSON (or gives a discarded value), and std::invalid_argument
/// for what is nested too deeply.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, bool comments = false, bool throws = true) {
    constexpr int kDeepest = 200;
    // NOLINTNEXTLINE(readability-redundant-typename): older clang needs it
    const auto check = [](int depth, typename Json::parse_event_t, Json&) {
        if (depth > kDeepest) throw std::invalid_argument("it is nested too deeply");
        return true;
    };
    return Json::parse(text, check, throws, comments);
}

/// Discarded for both.
template <class Json = nlohmann::json>
Json try_parse_json(std::string_view text, bool comments = false) try {
    return parse_json<Json>(text, comments, false);
} catch (const std::invalid_argument&) {
    return Json::value_t::discarded;
}

/// Throws std::exception where a value has the wrong type, or is a whole number that does not fit.
template <class Value>
void read_json(const nlohmann::json& from, Value& to) {
    if constexpr (std::integral<Value> && !std::same_as<Value, bool>) {
        const bool fits = from.is_number_unsigned()  ? std::in_range<Value>(from.get<std::uint64_t>())
                          : from.is_number_integer() ? std::in_range<Value>(from.get<std::int64_t>())
                                                     : !from.is_number() && !from.is_boolean();
        if (!fits) throw std::out_of_range(from.dump() + " is not a whole number in range");
    }
    from.get_to(to);
}

}  // namespace autoresearch

#pragma once

#include <nlohmann/json.hpp>

#include "contract/names.h"

// Enums with names are their names in JSON. Found by nlohmann's library, also for lists of them.
namespace autoresearch {

template <class Enum>
    requires(!kNames<Enum>.empty())
void to_json(nlohmann::json& to, Enum value) {
    to = to_string(value);
}

template <class Enum>
    requires(!kNames<Enum>.empty())
void from_json(const nlohmann::json& from, Enum& value) {
    value = from_string<Enum>(from.get<std::string>());
}

}  // namespace autoresearch

#pragma once

#include <nlohmann/json.hpp>

#include "contract/names.h"

// Named enums become their names in JSON. nlohmann's library finds these functions, also for lists of enums.
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

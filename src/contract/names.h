#pragma once

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

namespace autoresearch {

/// The names of a closed set, in the order of its enum. Files contain them: never rename one.
template <class Enum>
inline constexpr std::array<std::string_view, 0> kNames{};

template <class Enum>
std::string_view to_string(Enum value) {
    return kNames<Enum>.at(static_cast<std::size_t>(value));
}

/// Throws std::invalid_argument for a name that to_string never returns.
template <class Enum>
Enum from_string(std::string_view name) {
    const auto found = std::find(kNames<Enum>.begin(), kNames<Enum>.end(), name);
    if (found == kNames<Enum>.end()) {
        std::string known;
        for (const auto& each : kNames<Enum>) known += (known.empty() ? "" : ", ") + std::string(each);
        throw std::invalid_argument("\"" + std::string(name) + "\" is not one of: " + known);
    }
    return static_cast<Enum>(found - kNames<Enum>.begin());
}

}  // namespace autoresearch

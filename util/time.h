#pragma once

#include <ctime>
#include <string>

namespace autoresearch {

/// The current UTC time in a strftime format.
inline std::string utc_now(const char* format) {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    char text[64];
    return {text, std::strftime(text, sizeof text, format, &utc)};
}

}  // namespace autoresearch

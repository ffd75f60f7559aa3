#include "settings/places.h"

#include <cstdlib>
#include <string>

#include "autoresearch/error.h"
#include "util/home.h"

namespace autoresearch {

namespace fs = std::filesystem;

/// Empty if it is not set.
static std::string environment_value(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : expand_home(value);
}

fs::path cache_root() {
    if (const auto xdg = environment_value("XDG_CACHE_HOME"); !xdg.empty())
        return fs::path(xdg) / "autoresearch";
    const auto home = environment_value("HOME");
    if (home.empty())
        throw UserError("neither HOME nor XDG_CACHE_HOME is set, so there is no place for data");
    return fs::path(home) / ".cache" / "autoresearch";
}

fs::path data_root() {
    const auto given = environment_value("AUTORESEARCH_DATA");
    return given.empty() ? cache_root() / "data" : fs::path(given);
}

}  // namespace autoresearch

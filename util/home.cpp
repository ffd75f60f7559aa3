#include "util/home.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace autoresearch {

std::string expand_home(const std::string& path) {
    if (path.empty() || path[0] != '~') return path;
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string user = path.substr(1, end - 1);
    const char* home = user.empty() ? std::getenv("HOME") : nullptr;
    if (home == nullptr || *home == '\0') {
        const passwd* const entry = user.empty() ? ::getpwuid(::getuid()) : ::getpwnam(user.c_str());
        home = entry == nullptr ? nullptr : entry->pw_dir;
    }
    return home == nullptr ? path : home + path.substr(end);
}

}  // namespace autoresearch

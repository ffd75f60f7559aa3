#include "util/environment.h"

#include <algorithm>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves this to the program

namespace autoresearch {

std::map<std::string, std::string> current_environment() {
    std::map<std::string, std::string> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string entry = *variable;
        const auto equals = std::min(entry.find('='), entry.size());
        variables[entry.substr(0, equals)] = entry.substr(std::min(equals + 1, entry.size()));
    }
    return variables;
}

}  // namespace autoresearch

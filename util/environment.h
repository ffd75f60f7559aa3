#pragma once

#include <map>
#include <string>

namespace autoresearch {

/// This process's environment variables.
std::map<std::string, std::string> current_environment();

}  // namespace autoresearch

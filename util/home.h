#pragma once

#include <string>

namespace autoresearch {

/// A path with "~" or "~user" at its beginning replaced by that home folder, as a shell does. A quoted path,
/// a variable in a service's file and JSON never met a shell.
std::string expand_home(const std::string& path);

}  // namespace autoresearch

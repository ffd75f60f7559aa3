#pragma once

#include <string>
#include <vector>

#include "box/box.h"

namespace autoresearch::platform {

/// The system's places and the box's own that exist, sorted by path, so that a folder comes before what is in
/// it.
std::vector<Place> all_places(const Box& box);

/// Puts this process behind Landlock and seccomp, without any of root's capabilities. Returns what went
/// wrong.
std::string enter_landlock(const Box& box);

/// The version of Landlock that this kernel has; 0: none.
int landlock_version();

}  // namespace autoresearch::platform

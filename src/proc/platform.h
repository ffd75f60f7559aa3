#pragma once

#include <spawn.h>
#include <sys/resource.h>

namespace autoresearch::platform {

/// The child inherits what the file actions make, and of our other descriptors none. `first_unused` is one
/// above the highest number that they make. Returns an errno value, 0 for success.
int close_other_descriptors(posix_spawn_file_actions_t* actions, short* attribute_flags, int first_unused);

/// From now on orphaned descendants become our children, where the system can do that, so that we can reap
/// them: an init that does not do it would keep a killed group alive as zombies.
void adopt_orphans();

/// MiB, from a field whose unit differs between systems.
double peak_resident_mb(const rusage& usage);

}  // namespace autoresearch::platform

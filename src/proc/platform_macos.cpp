#include "proc/platform.h"

namespace autoresearch::platform {

int close_other_descriptors(posix_spawn_file_actions_t*, short* attribute_flags, int) {
    *attribute_flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
    return 0;
}

void adopt_orphans() {}

double peak_resident_mb(const rusage& usage) {
    return static_cast<double>(usage.ru_maxrss) / (1024 * 1024);
}

}  // namespace autoresearch::platform

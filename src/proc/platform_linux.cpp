#include <sys/prctl.h>

#include "proc/platform.h"

namespace autoresearch::platform {

int close_other_descriptors(posix_spawn_file_actions_t* actions, short*, int first_unused) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first_unused);
}

void adopt_orphans() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

double peak_resident_mb(const rusage& usage) {
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace autoresearch::platform

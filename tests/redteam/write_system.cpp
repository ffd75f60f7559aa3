// The kernel's own settings, as root may.
ATTACK(write_system) {
    // Written back as they are: it is the right to do so that is tried.
    for (const char* file : {"/proc/sys/kernel/core_pattern", "/sys/kernel/mm/transparent_hugepage/enabled",
                             "/proc/sys/vm/swappiness", "/proc/sysrq-trigger"})
        if (::open(file, O_WRONLY) >= 0) return true;
    return false;
}

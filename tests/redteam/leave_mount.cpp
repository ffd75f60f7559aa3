// Namespaces and mounts of its own.
ATTACK(leave_mount) {
    return ::unshare(CLONE_NEWUSER) == 0 || ::unshare(CLONE_NEWNS) == 0 || ::chroot("/tmp") == 0 ||
           ::mount("none", "/tmp", "tmpfs", 0, nullptr) == 0;
}

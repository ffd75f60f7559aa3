// The same by a descriptor of the process.
ATTACK(process_pidfd) {
    const long fd = ::syscall(SYS_pidfd_open, target::victim, 0);
    return fd >= 0 && ::syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0) == 0;
}

// Opens files by a ring, which filters of system calls do not see.
ATTACK(leave_io_uring) {
    char parameters[120] = {};
    return ::syscall(425, 8, parameters) >= 0;
}

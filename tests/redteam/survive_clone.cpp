// The same by the raw system call, and by one that hides its flags.
ATTACK(survive_clone) {
    long child = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (child < 0) {
        struct {
            std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, rest[6];
        } arguments{};
        arguments.exit_signal = SIGCHLD;
        child = ::syscall(SYS_clone3, &arguments, sizeof arguments);
    }
    if (child == 0) {
        ::prctl(PR_SET_NAME, "rt-survivor");
        ::sleep(60);
        ::_exit(0);
    }
    return child > 0;
}

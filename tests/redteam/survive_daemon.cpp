// A daemon: two forks, a session of its own, no environment.
ATTACK(survive_daemon) {
    const pid_t child = ::fork();
    if (child < 0) return false;
    if (child == 0) {
        ::setsid();
        if (::fork() != 0) ::_exit(0);
        ::prctl(PR_SET_NAME, "rt-survivor");
        ::sleep(60);
        ::_exit(0);
    }
    return true;
}

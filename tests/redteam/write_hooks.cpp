// Hooks, settings and branches of the repository: they would run at the user's next command.
ATTACK(write_hooks) {
    bool done = write_to(target::repository + "/.git/hooks/post-checkout", "#!/bin/sh\ntouch attacked\n");
    done |= write_to(target::repository + "/.git/config", "[core]\nfsmonitor = attack\n");
    return write_to(target::repository + "/.git/refs/heads/main", "0\n") || done;
}

// The same by the root folders of other processes.
ATTACK(read_by_proc_root) {
    for (const char* who : {"1", "self", "thread-self"})
        if (leak(read_from("/proc/" + std::string(who) + "/root" + target::home + "/.ssh/id_ed25519")))
            return true;
    return leak(
        read_from("/proc/" + std::to_string(target::victim) + "/root" + target::home + "/.ssh/id_ed25519"));
}

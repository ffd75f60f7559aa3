// Becomes a shell, which may no more than it.
ATTACK(survive_exec) {
    const std::string script =
        "echo attack > " + target::home + "/.bashrc; cat " + target::home + "/.ssh/id_ed25519; (sleep 60 &)";
    ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
    return false;
}

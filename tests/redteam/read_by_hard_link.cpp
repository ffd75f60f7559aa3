// The same by another name of the file.
ATTACK(read_by_hard_link) {
    return ::link((target::home + "/.ssh/id_ed25519").c_str(), "name") == 0 && leak(read_from("name"));
}

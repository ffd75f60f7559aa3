// The same by a link in its own folder.
ATTACK(read_by_link) {
    ::symlink((target::home + "/.ssh/id_ed25519").c_str(), "link");
    return leak(read_from("link"));
}

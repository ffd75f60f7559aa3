// Writes into the user's home.
ATTACK(write_home) {
    return write_to(target::home + "/.bashrc", "attack\n") || write_to(target::home + "/new", "attack\n");
}

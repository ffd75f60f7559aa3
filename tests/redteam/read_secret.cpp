// Reads a private file of the user's home, and prints it.
ATTACK(read_secret) {
    return leak(read_from(target::home + "/.ssh/id_ed25519"));
}

// Ends the harness, or everything.
ATTACK(process_kill) {
    return ::kill(target::victim, SIGKILL) == 0;
}

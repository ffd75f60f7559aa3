// Stops the harness while it trains on.
ATTACK(process_stop) {
    return ::kill(target::victim, SIGSTOP) == 0 || ::syscall(SYS_tkill, target::victim, SIGSTOP) == 0 ||
           ::syscall(SYS_tgkill, target::victim, target::victim, SIGSTOP) == 0;
}

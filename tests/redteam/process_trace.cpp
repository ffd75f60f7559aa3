// Takes the harness over.
ATTACK(process_trace) {
    return ::ptrace(PTRACE_ATTACH, target::victim, nullptr, nullptr) == 0;
}

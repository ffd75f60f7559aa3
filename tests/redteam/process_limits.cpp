// Takes the harness's time away.
ATTACK(process_limits) {
    const rlimit none{1, 1};
    return ::prlimit(target::victim, RLIMIT_CPU, &none, nullptr) == 0;
}

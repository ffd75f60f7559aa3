// Makes the harness slow.
ATTACK(process_slow) {
    cpu_set_t none;
    CPU_ZERO(&none);
    CPU_SET(0, &none);
    const sched_param idle{};
    return ::sched_setaffinity(target::victim, sizeof none, &none) == 0 ||
           ::sched_setscheduler(target::victim, SCHED_IDLE, &idle) == 0 ||
           ::setpriority(PRIO_PROCESS, static_cast<id_t>(target::victim), 19) == 0;
}

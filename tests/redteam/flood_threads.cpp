// Threads without end.
static void* wait_long(void*) {
    ::sleep(30);
    return nullptr;
}
ATTACK(flood_threads) {
    int made = 0;
    for (pthread_t thread; made < 200000 && ::pthread_create(&thread, nullptr, wait_long, nullptr) == 0;
         ++made) {
    }
    std::printf("%d threads\n", made);
    return made == 200000;
}

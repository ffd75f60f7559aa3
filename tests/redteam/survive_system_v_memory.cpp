// The same, older.
ATTACK(survive_system_v_memory) {
    return ::shmget(0x72740001, 1 << 20, IPC_CREAT | 0600) >= 0 && false;
}

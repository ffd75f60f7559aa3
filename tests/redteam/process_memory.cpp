// Reads and writes the harness's memory.
ATTACK(process_memory) {
    char bytes[16] = {};
    iovec here{bytes, sizeof bytes}, there{reinterpret_cast<void*>(target::address), sizeof bytes};
    if (::process_vm_readv(target::victim, &here, 1, &there, 1, 0) > 0) return true;
    return ::open(("/proc/" + std::to_string(target::victim) + "/mem").c_str(), O_RDWR) >= 0;
}

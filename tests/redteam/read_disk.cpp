// Reads the raw disk.
ATTACK(read_disk) {
    for (const char* disk : {"/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/mem", "/dev/kmsg"})
        if (::open(disk, O_RDONLY | O_NONBLOCK) >= 0) return leak(disk);
    return false;
}

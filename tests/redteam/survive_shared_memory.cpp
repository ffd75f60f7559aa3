// Memory in files, in no process, which stays after the trial.
ATTACK(survive_shared_memory) {
    const int fd = ::shm_open("/rt-survivor", O_CREAT | O_RDWR, 0600);
    return fd >= 0 && ::ftruncate(fd, 16 << 20) == 0 && ::pwrite(fd, "x", 1, (16 << 20) - 1) == 1 && false;
}

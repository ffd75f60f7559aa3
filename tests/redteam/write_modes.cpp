// Rights, owner, times and attributes of files that it may only read.
ATTACK(write_modes) {
    const std::string file = target::data + "/train.bin";
    const timeval times[2] = {{1, 0}, {1, 0}};
    return ::chmod(file.c_str(), 0777) == 0 || ::chown(file.c_str(), 0, 0) == 0 ||
           ::utimes(file.c_str(), times) == 0 || ::setxattr(file.c_str(), "user.attack", "x", 1, 0) == 0;
}

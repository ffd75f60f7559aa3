// By its descriptors to more than they are for.
ATTACK(write_by_descriptor) {
    bool done = false;
    for (int fd = 3; fd < 64; ++fd) {
        done |= ::fchmod(fd, 04777) == 0;
        const int folder = ::openat(fd, "..", O_RDONLY | O_DIRECTORY);
        done |= folder >= 0;
        const std::string own = "/proc/self/fd/" + std::to_string(fd);
        char name[4096] = "";
        if (::readlink(own.c_str(), name, sizeof name - 1) > 0 && name[0] == '/' &&
            std::string(name).find(target::run) == 0)
            done |= ::rename(name, (target::run + "/moved").c_str()) == 0 || ::unlink(name) == 0;
    }
    return done;
}

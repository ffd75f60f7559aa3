// One file without end, in its folder and by each descriptor.
ATTACK(flood_file) {
    ::signal(SIGXFSZ, SIG_IGN);
    const std::string block(1 << 20, 'x');
    const int own = ::open("large", O_CREAT | O_WRONLY, 0600);
    bool endless = true;
    for (int i = 0; i < 1500 && endless; ++i) endless = ::write(own, block.data(), block.size()) > 0;
    for (int fd = 4; fd < 8; ++fd)
        for (int i = 0; i < 1500; ++i)
            if (::write(fd, block.data(), block.size()) <= 0) break;
    return endless;
}

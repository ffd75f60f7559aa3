// A service of the machine behind a socket file.
ATTACK(net_unix) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, target::socket.c_str(), sizeof to.sun_path - 1);
    return ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
}

// Sends what it knows to a server.
ATTACK(net_connect) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to = server(target::port);
    return ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 && ::write(fd, "attack", 6) == 6;
}

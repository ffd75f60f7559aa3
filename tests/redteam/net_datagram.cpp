// The same without a connection: a name server passes such things on.
ATTACK(net_datagram) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in to = server(target::port);
    return ::sendto(fd, "attack", 6, 0, reinterpret_cast<sockaddr*>(&to), sizeof to) == 6;
}

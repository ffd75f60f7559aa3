// The same without a connection: a name server passes such things on.
ATTACK(net_datagram) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(target::port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::sendto(fd, "attack", 6, 0, reinterpret_cast<sockaddr*>(&to), sizeof to) == 6;
}

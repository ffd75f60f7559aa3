// Tries one forbidden thing and says "done", or "refused" with the reason. break_out WHAT PROCESS, which is
// somebody else's.
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>

namespace {

pid_t other = 0;

int connect_to(int family, const sockaddr* address, socklen_t length) {
    const int fd = ::socket(family, SOCK_STREAM, 0);
    if (fd < 0) return -1;
    const int result = ::connect(fd, address, length);
    // Somebody who says no was reached.
    return result != 0 && errno == ECONNREFUSED && family == AF_INET ? -2 : result;
}

int connect_here() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect_to(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

int unix_socket() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, "/run/dbus/system_bus_socket");
    return connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

/// As CUDA does.
int listen_at_name() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path + 1, "autoresearch-break-out");
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
    return ::listen(fd, 1);
}

int connect_to_packets() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, "/run/dbus/system_bus_socket");
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
    return fd < 0 ? -1 : ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

/// From one of a pair, which nobody made by socket().
int datagram_to_file() {
    int pair[2];
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, "/run/systemd/notify");
    if (::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) return -1;
    ::sendto(pair[0], "x", 1, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return 0;
}

int bind_to_core() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    return ::sched_setaffinity(other, sizeof one, &one);
}

int read_environment() {
    const int fd = ::open(("/proc/" + std::to_string(other) + "/environ").c_str(), O_RDONLY);
    char text[64];
    return fd < 0 ? -1 : static_cast<int>(::read(fd, text, sizeof text));
}

int read_memory() {
    char here[8];
    iovec mine{here, sizeof here}, theirs{reinterpret_cast<void*>(0x400000), sizeof here};
    return static_cast<int>(::process_vm_readv(other, &mine, 1, &theirs, 1, 0));
}

int lower_limits() {
    const rlimit none{0, 0};
    return ::prlimit(other, RLIMIT_CPU, &none, nullptr);
}

int spawn() {
    pid_t pid = 0;
    char name[] = "/bin/true";
    char* arguments[] = {name, nullptr};
    errno = ::posix_spawn(&pid, name, nullptr, nullptr, arguments, nullptr);
    return errno == 0 ? 0 : -1;
}

int child(pid_t pid) {
    if (pid == 0) ::_exit(0);
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    return pid > 0 ? 0 : -1;
}

int mode_of_descriptor() {
    if (::write(4, "written\n", 8) != 8) return -2;
    return ::fchmod(4, 0777);
}

int shared_memory() {
    const int fd = ::shm_open("/autoresearch-break-out", O_CREAT | O_RDWR, 0600);
    return fd < 0 ? -1 : ::ftruncate(fd, 1 << 20);
}

int in_thread() {
    int value = -1;
    std::thread([&] { value = 0; }).join();
    return value;
}

int abort_now() {
    std::puts("aborting");
    std::fflush(stdout);
    std::abort();
}

}  // namespace

int main(int argc, char** argv) {
    const std::map<std::string, std::function<int()>> acts = {
        {"connect", connect_here},
        {"unix socket", unix_socket},
        {"listen", listen_at_name},
        {"connect to packets", connect_to_packets},
        {"datagram to a file", datagram_to_file},
        {"nice", [] { return ::setpriority(PRIO_PROCESS, static_cast<id_t>(other), 10); }},
        {"own nice", [] { return ::setpriority(PRIO_PROCESS, 0, 10); }},
        {"affinity", bind_to_core},
        {"signal", [] { return ::kill(other, SIGCONT); }},
        {"trace", [] { return static_cast<int>(::ptrace(PTRACE_ATTACH, other, nullptr, nullptr)); }},
        {"read memory", read_memory},
        {"environment", read_environment},
        {"limits", lower_limits},
        {"fork", [] { return child(::fork()); }},
        {"vfork", [] { return child(::vfork()); }},  // NOLINT: the call is what is tried
        {"spawn", spawn},
        {"thread", in_thread},
        {"abort", abort_now},
        {"system v memory", [] { return ::shmget(IPC_PRIVATE, 1 << 20, IPC_CREAT | 0600); }},
        {"memory file", [] { return ::memfd_create("x", 0); }},
        {"shared memory", shared_memory},
        {"mode of 4", mode_of_descriptor}};
    if (argc < 3 || acts.count(argv[1]) == 0) return 2;
    other = std::atoi(argv[2]);
    errno = 0;
    const int result = acts.at(argv[1])();
    if (result == -2)
        std::puts("reached");
    else
        std::printf("%s: %s\n", result >= 0 ? "done" : "refused", std::strerror(errno));
    std::fflush(stdout);
    ::_exit(result >= 0 ? 0 : 1);  // a sanitizer's look for leaks at the end needs what a box refuses
}

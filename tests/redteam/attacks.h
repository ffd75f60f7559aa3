// What the attacks share. Each tests/redteam/CLASS_NAME.cpp defines one with ATTACK, which returns whether it
// went through as far as it can tell; the test looks for itself. All are one program, so that a test builds
// once.
#include <arpa/inet.h>
#include <autoresearch/session.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <thread>

namespace fs = std::filesystem;

using Attack = bool (*)();
inline std::map<std::string, Attack>& attacks() {
    static std::map<std::string, Attack> all;
    return all;
}
#define ATTACK(name)                                                                 \
    static bool attack_##name();                                                     \
    static const bool known_##name = attacks().emplace(#name, attack_##name).second; \
    static bool attack_##name()

inline bool write_to(const std::string& path, const std::string& text) {
    std::ofstream out(path, std::ios::trunc);
    out << text << std::flush;
    return static_cast<bool>(out);
}
inline std::string read_from(const std::string& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}
/// Who would be told.
inline sockaddr_in server(int port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return to;
}
/// What an attack has read it shows, as the log is what leaves the box.
inline bool leak(const std::string& text) {
    std::printf("leak: %s\n", text.substr(0, 4000).c_str());
    return !text.empty();
}

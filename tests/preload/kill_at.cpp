// Preloaded into the harness: kills it, as kill -9 would, right before the KILL_AT-th call that changes a
// file or starts a process. The processes that it starts are left alone.

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

int calls_left() {
    const char* at = std::getenv("KILL_AT");
    return at != nullptr && std::strcmp(program_invocation_short_name, "autoresearch") == 0 ? std::atoi(at)
                                                                                            : 0;
}

void count_call() {
    static const pid_t harness = ::getpid();  // and not what it forks off
    static std::atomic<int> left{calls_left()};
    if (::getpid() == harness && --left == 0) ::kill(harness, SIGKILL);
}

template <class Function>
Function* real(Function*, const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

mode_t mode_of(int flags, va_list arguments) {
    return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

#define COUNTED(result, name, parameters, arguments) \
    extern "C" result name parameters {              \
        static const auto call = real(&name, #name); \
        count_call();                                \
        return call arguments;                       \
    }

COUNTED(int, rename, (const char* from, const char* to), (from, to))
COUNTED(int, link, (const char* from, const char* to) noexcept, (from, to))
COUNTED(int, unlink, (const char* path) noexcept, (path))
COUNTED(int, unlinkat, (int in, const char* path, int flags) noexcept, (in, path, flags))
COUNTED(int, remove, (const char* path) noexcept, (path))
COUNTED(int, mkdir, (const char* path, mode_t mode) noexcept, (path, mode))
COUNTED(int, fsync, (int fd), (fd))
COUNTED(int, ftruncate, (int fd, off_t size) noexcept, (fd, size))
COUNTED(pid_t, fork, () noexcept, ())

extern "C" ssize_t write(int fd, const void* bytes, size_t count) {
    static const auto call = real<ssize_t(int, const void*, size_t)>(nullptr, "write");
    if (fd > STDERR_FILENO) count_call();
    return call(fd, bytes, count);
}

#define COUNTED_OPEN(name)                                                         \
    extern "C" int name(const char* path, int flags, ...) {                        \
        static const auto call = real<int(const char*, int, ...)>(nullptr, #name); \
        va_list arguments;                                                         \
        va_start(arguments, flags);                                                \
        const mode_t mode = mode_of(flags, arguments);                             \
        va_end(arguments);                                                         \
        if ((flags & O_CREAT) != 0) count_call();                                  \
        return call(path, flags, mode);                                            \
    }

COUNTED_OPEN(open)
COUNTED_OPEN(open64)

#include <fcntl.h>
#include <sys/param.h>
#include <sys/resource.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "prepare/session/platform.h"

namespace autoresearch::platform {

void keep_large_buffers() {}  // the system's allocator keeps them by itself

void wait_passively() {}  // libomp there sleeps after 0.2 s, and its variables are read before main

double seconds_since_process_start() {
    int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, getpid()};
    kinfo_proc info{};
    size_t size = sizeof info;
    if (sysctl(name, 4, &info, &size, nullptr, 0) != 0 || size == 0) return 0;
    timeval now{};
    gettimeofday(&now, nullptr);
    const timeval& start = info.kp_proc.p_starttime;
    return static_cast<double>(now.tv_sec - start.tv_sec) +
           1e-6 * static_cast<double>(now.tv_usec - start.tv_usec);
}

std::int64_t memory_bytes() {
    std::int64_t bytes = 0;
    size_t size = sizeof bytes;
    return sysctlbyname("hw.memsize", &bytes, &size, nullptr, 0) == 0 ? bytes : 0;
}

std::string processor_name() {
    char name[256] = "cpu";
    size_t size = sizeof name;
    sysctlbyname("machdep.cpu.brand_string", name, &size, nullptr, 0);
    return name;
}

std::int64_t bytes_read() {
    return 0;
}

bool was_opened(const std::filesystem::path& file) {
    std::error_code error;
    const std::string name = std::filesystem::canonical(file, error).string();
    char path[MAXPATHLEN];
    for (int fd = 0; fd < 1024; ++fd)
        if (fcntl(fd, F_GETPATH, path) == 0 && name == path) return true;
    return false;
}

void forget_opened() {}

}  // namespace autoresearch::platform

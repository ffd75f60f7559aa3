#include <fcntl.h>
#include <sys/param.h>

#include "prepare/session/host.h"

namespace autoresearch::host {

void keep_large_buffers() {}  // the system's allocator keeps them anyway

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

}  // namespace autoresearch::host

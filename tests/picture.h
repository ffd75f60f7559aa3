#pragma once

#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>

#include "util/atomic_file.h"
#include "util/hash.h"

namespace autoresearch {

/// Everything about every file below a folder but the time it was read.
inline std::map<std::string, std::string> picture_of(const std::filesystem::path& folder) {
    std::map<std::string, std::string> picture;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        struct stat info{};
        ::lstat(entry.path().c_str(), &info);
        const bool plain = S_ISREG(info.st_mode);
        picture[entry.path()] =
            fmt::format("{:o} {} {} {} {}.{} {}", info.st_mode, info.st_uid, info.st_nlink,
                        plain ? info.st_size : 0, plain ? info.st_mtim.tv_sec : 0,
                        plain ? info.st_mtim.tv_nsec : 0, plain ? hex(xxh64(read_file(entry.path()))) : "");
    }
    return picture;
}

}  // namespace autoresearch

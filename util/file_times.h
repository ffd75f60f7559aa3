#pragma once

#include <sys/stat.h>

// The members have other names on a Mac.
namespace autoresearch {

inline timespec write_time(const auto& status) {
    if constexpr (requires { status.st_mtim; })
        return status.st_mtim;
    else
        return status.st_mtimespec;
}

/// Of the content or of what is known of it: nobody can set it back.
inline timespec change_time(const auto& status) {
    if constexpr (requires { status.st_ctim; })
        return status.st_ctim;
    else
        return status.st_ctimespec;
}

}  // namespace autoresearch

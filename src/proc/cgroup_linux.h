#pragma once

#include <cstdint>
#include <filesystem>

namespace autoresearch::platform {

/// What the control groups that we are in allow, of both versions. 0: no limit.
struct GroupLimits {
    double cores = 0;
    std::int64_t memory = 0;  // bytes
};
/// `root`: where /proc and /sys are.
GroupLimits group_limits(const std::filesystem::path& root = "/");

}  // namespace autoresearch::platform

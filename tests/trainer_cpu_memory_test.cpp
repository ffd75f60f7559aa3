#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "prepare/session/cpu_memory.h"

namespace autoresearch {
namespace {

TEST(CpuMemory, PeakIsWhatTensorsHeldTogether) {
    count_cpu_memory();
    constexpr std::int64_t kMebi = 1 << 20;
    const auto megabytes = [](std::int64_t count) { return at::empty({count * kMebi}, at::kByte); };
    {
        const auto one = megabytes(300), other = megabytes(200);
    }
    const std::size_t before = peak_cpu_memory();
    EXPECT_GE(before, 500 * kMebi);
    for (int i = 0; i < 3; ++i) {
        auto grown = megabytes(100);
        grown.resize_({200 * kMebi});
    }
    EXPECT_EQ(peak_cpu_memory(), before);
    const auto more = megabytes(600);
    EXPECT_GE(peak_cpu_memory(), 600 * kMebi);
}

}  // namespace
}  // namespace autoresearch

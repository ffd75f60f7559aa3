#include <gtest/gtest.h>

#include "util/nearest.h"

namespace autoresearch {
namespace {

TEST(Nearest, FindsTheSmallestEditDistance) {
    const std::vector<std::string> keys = {"budget", "seed", "seq_len"};
    EXPECT_EQ(nearest("budgte", keys), "budget");
    EXPECT_EQ(nearest("seqlen", keys), "seq_len");
    EXPECT_EQ(nearest("sed", keys), "seed");
    EXPECT_EQ(nearest("anything", {}), "");
}

}  // namespace
}  // namespace autoresearch

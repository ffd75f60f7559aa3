#include <gtest/gtest.h>

#include "record/by_hand.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

TEST(ByHand, TheNewestTenFoldersStay) {
    const TempDirectory repository;
    const auto parent = repository / ".autoresearch/by-hand";
    for (int day = 10; day < 22; ++day)
        repository.write(".autoresearch/by-hand/202501" + std::to_string(day) + "-120000-train/run.log", "");
    const auto created = by_hand_directory(repository.path(), "replay-nov22-3");
    EXPECT_TRUE(created.string().ends_with("-replay-nov22-3"));
    const std::filesystem::directory_iterator left(parent);
    EXPECT_EQ(std::distance(begin(left), end(left)), 10);
    EXPECT_TRUE(std::filesystem::exists(created));
    EXPECT_FALSE(std::filesystem::exists(parent / "20250112-120000-train"));
    EXPECT_TRUE(std::filesystem::exists(parent / "20250113-120000-train"));
}

}  // namespace
}  // namespace autoresearch

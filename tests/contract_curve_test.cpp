#include <gtest/gtest.h>

#include "contract/curve.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

TEST(Curve, TakesTheStepsThatAreNumbers) {
    const TempDirectory folder;
    const Curve curve =
        read_curve(folder.write("curve.csv",
                                "step,seconds,progress,loss,tokens\n1,0.5,0.25,4,8\n2,1,0.5,nan,8\n"
                                "3,1.5,inf,4,8\n4,2,1e999,4,8\n5,2.5,0.75,3,8\n6,3,0.8"));
    EXPECT_EQ(curve.share, (std::vector<double>{0.25, 0.75}));
    EXPECT_EQ(curve.loss, (std::vector<double>{4, 3}));
    EXPECT_EQ(mean_loss(curve, 0.8), 3);
    EXPECT_FALSE(mean_loss(curve, 0.1));
    EXPECT_TRUE(read_curve(folder / "none").share.empty());
}

}  // namespace
}  // namespace autoresearch

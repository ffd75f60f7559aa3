#include <gtest/gtest.h>

#include <cmath>

#include "judge/statistics.h"

namespace autoresearch {
namespace {

// Values of printed tables: Student's t, and Jennison and Turnbull's table 2.3 for O'Brien and Fleming's
// test.
TEST(Statistics, StudentAgreesWithTheTables) {
    EXPECT_NEAR(student_quantile(0.05, 1), 6.3138, 1e-4);
    EXPECT_NEAR(student_quantile(0.05, 2), 2.9200, 1e-4);
    EXPECT_NEAR(student_quantile(0.025, 3), 3.1824, 1e-4);
    EXPECT_NEAR(student_quantile(0.001, 5), 5.8934, 1e-4);
    EXPECT_NEAR(student_quantile(0.05, 30), 1.6973, 1e-4);
    EXPECT_NEAR(student_tail(-2.9200, 2), 0.95, 1e-5);
    EXPECT_DOUBLE_EQ(student_tail(0, 7), 0.5);
    EXPECT_NEAR(student_tail(INFINITY, 3), 0, 1e-12);
    EXPECT_NEAR(student_tail(1.96, 100000), normal_tail(1.96), 1e-5);
}

TEST(Statistics, SequentialBoundAgreesWithTheTables) {
    const auto constant = [](int looks, double alpha) {
        return sequential_bound(looks, alpha) / std::sqrt(looks);
    };
    EXPECT_NEAR(constant(1, 0.05), 1.645, 1e-3);
    EXPECT_NEAR(constant(2, 0.05), 1.678, 1e-3);
    EXPECT_NEAR(constant(4, 0.05), 1.733, 1e-3);
    EXPECT_NEAR(constant(5, 0.025), 2.040, 1e-3);
    EXPECT_NEAR(constant(10, 0.025), 2.087, 1e-3);
}

TEST(Statistics, PooledVarianceTakesEachGroupAroundItsOwnMean) {
    PooledVariance pooled;
    EXPECT_EQ(pooled.sd(), 0);
    pooled.add({1, 3});
    pooled.add({101, 103, 105});
    pooled.add({7});
    EXPECT_EQ(pooled.degrees, 3);
    EXPECT_DOUBLE_EQ(pooled.sd(), std::sqrt(10.0 / 3));
}

// Draper, Smith, Applied regression analysis: new y at x, by hand for three points.
TEST(Statistics, LinePredictsWithItsUncertainty) {
    Line line;
    EXPECT_EQ(line.lower_prediction(1, 0.05), -INFINITY) << "nothing is known yet";
    for (const auto& [x, y] : {std::pair{1.0, 1.1}, {2.0, 1.9}, {3.0, 3.2}}) line.add(x, y);
    // slope 14.5 / 14, residual sum of squares 15.06 - 14.5^2 / 14 on 2 degrees, t 2.92
    const double deviation = std::sqrt((15.06 - 14.5 * 14.5 / 14) / 2 * (1 + 16.0 / 14));
    EXPECT_NEAR(line.lower_prediction(4, 0.05), 4 * 14.5 / 14 - 2.92 * deviation, 1e-4);
}

// The two say the same: below the reach nothing is above, beyond it everything is.
TEST(Line, ReachIsWhereThePredictionPasses) {
    Line line;
    for (int i = -5; i <= 5; ++i) line.add(i, 2 * i + (i % 2 == 0 ? 0.3 : -0.3));
    for (const double y : {0.0, 0.5, 3.0}) {
        const double x = line.reach(y, 0.01);
        EXPECT_NEAR(line.lower_prediction(x, 0.01), y, 1e-9) << y;
        EXPECT_LT(line.lower_prediction(0.9 * x, 0.01), y);
        EXPECT_GT(line.lower_prediction(1.1 * x, 0.01), y);
    }
    Line flat, falling;
    for (int i = -5; i <= 5; ++i) flat.add(i, i % 2 == 0 ? 1 : -1), falling.add(i, -2 * i);
    EXPECT_TRUE(std::isinf(flat.reach(0.1, 0.01)));
    EXPECT_TRUE(std::isinf(falling.reach(0.1, 0.01)));
    EXPECT_TRUE(std::isinf(Line().reach(0, 0.01)));
}

}  // namespace
}  // namespace autoresearch

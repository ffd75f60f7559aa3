#include <gtest/gtest.h>

#include "autoresearch/session.h"
#include "prepare/session/device.h"

namespace autoresearch {
namespace {

using at::Tensor;

TEST(SelfCheck, TheCpuPasses) {
    EXPECT_EQ(self_check(at::kCPU), "");
}

TEST(SelfCheck, AttentionThatLooksAheadIsFound) {
    const auto leaks = [](const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t) {
        return at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
            .transpose(1, 2);
    };
    EXPECT_NE(self_check(at::kCPU, leaks).find("sees later tokens"), std::string::npos);
}

// The fault of MPS that inflates evaluations and no training: causal with gradients, not without.
TEST(SelfCheck, ALeakWithoutGradientsOnlyIsFound) {
    const auto leaks = [](const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window) {
        const Tensor y = causal_attention(q, k, v, window);
        return at::GradMode::is_enabled() ? y : y + v.mean(1, true);
    };
    EXPECT_NE(self_check(at::kCPU, leaks).find("without gradients"), std::string::npos);
}

TEST(SelfCheck, WrongNumbersAreFound) {
    const auto blurred = [](const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window) {
        return causal_attention(q, k, v, window) * 1.05;
    };
    EXPECT_NE(self_check(at::kCPU, blurred).find("differs from the CPU"), std::string::npos);
    const auto no_number = [](const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window) {
        return causal_attention(q, k, v, window) * NAN;
    };
    EXPECT_NE(self_check(at::kCPU, no_number), "");
}

}  // namespace
}  // namespace autoresearch

#include <gtest/gtest.h>

#include "autoresearch/session.h"
#include "prepare/kernels/matmul.h"
#include "prepare/kernels/nvrtc.h"
#include "prepare/kernels/simd.h"

namespace autoresearch {
namespace {

using at::Tensor;

double difference(const Tensor& a, const Tensor& b) {
    return (a.to(at::kDouble) - b).abs().max().item<double>();
}

Tensor random(at::IntArrayRef shape) {
    return at::randn(shape, at::kFloat);
}

using Operation = std::function<Tensor(const std::vector<Tensor>&)>;

/// The fused operation in fp32 against the plain expression in double: values and the gradient of every
/// input, under a random weighting of the outputs, with every instruction set.
void expect_same(const Operation& fused, const Operation& plain, const std::vector<Tensor>& inputs,
                 double tolerance) {
    const simd::Isa best = simd::isa();
    for (const auto isa : {simd::Isa::baseline, simd::Isa::avx2, simd::Isa::avx512}) {
        if (!simd::has(isa)) continue;
        SCOPED_TRACE(static_cast<int>(isa));
        simd::isa() = isa;
        std::vector<Tensor> narrow, wide;
        for (const Tensor& input : inputs) {
            narrow.push_back(input.clone().set_requires_grad(input.is_floating_point()));
            wide.push_back(input.is_floating_point() ? input.to(at::kDouble).set_requires_grad(true) : input);
        }
        const Tensor y = fused(narrow), expected = plain(wide);
        EXPECT_EQ(y.sizes(), expected.sizes());
        EXPECT_LT(difference(y, expected), tolerance);
        const Tensor weight = random(y.sizes());
        (y * weight).sum().backward();
        (expected * weight).sum().backward();
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            if (!wide[i].grad().defined()) continue;
            ASSERT_TRUE(narrow[i].grad().defined()) << "input " << i;
            EXPECT_LT(difference(narrow[i].grad(), wide[i].grad()), tolerance) << "gradient of input " << i;
        }
    }
    simd::isa() = best;
}

Tensor plain_rms_norm(const Tensor& x) {
    return x * at::rsqrt(x.square().mean(-1, true) + std::numeric_limits<float>::epsilon());
}

class Kernels : public testing::TestWithParam<bool> {
  protected:
    void SetUp() override {
        at::manual_seed(3);
        kernels::plain_path() = GetParam();
    }
    void TearDown() override { kernels::plain_path() = false; }
};
INSTANTIATE_TEST_SUITE_P(Paths, Kernels, testing::Bool(),
                         [](const auto& one) { return one.param ? "Plain" : "Fused"; });

TEST_P(Kernels, RmsNorm) {
    const auto fused = [](const auto& in) { return rms_norm(in[0]); };
    const auto plain = [](const auto& in) { return plain_rms_norm(in[0]); };
    expect_same(fused, plain, {random({700, 128})}, 1e-5);
    expect_same(fused, plain, {random({3, 5, 48})}, 1e-5);
    expect_same(fused, plain, {random({4, 10})}, 1e-5);  // not a multiple of 16: the ATen path
    const auto transposed = [](const auto& in) { return rms_norm(in[0].t()); };
    expect_same(
        transposed, [](const auto& in) { return plain_rms_norm(in[0].t()); }, {random({64, 9})}, 1e-5);
}

TEST_P(Kernels, ReluSquared) {
    expect_same([](const auto& in) { return relu_squared(in[0]); },
                [](const auto& in) { return at::relu(in[0]).square(); }, {random({900, 64})}, 1e-5);
}

TEST_P(Kernels, ScaledSum) {
    const std::vector<Tensor> inputs = {at::full({}, 0.7), random({900, 64}), at::full({}, -0.2),
                                        random({900, 64})};
    expect_same([](const auto& in) { return scaled_sum(in[0], in[1], in[2], in[3]); },
                [](const auto& in) { return in[0] * in[1] + in[2] * in[3]; }, inputs, 2e-3);
}

TEST_P(Kernels, RotaryNorm) {
    const auto plain = [](const auto& in) {
        const auto half = in[0].size(3) / 2;
        const Tensor x1 = in[0].narrow(3, 0, half), x2 = in[0].narrow(3, half, half);
        const Tensor c = in[1].detach().unsqueeze(1), s = in[2].detach().unsqueeze(1);
        return plain_rms_norm(at::cat({x1 * c + x2 * s, x2 * c - x1 * s}, 3));
    };
    const Tensor angles = random({50, 32});
    const auto fused = [](const auto& in) { return rotary_norm(in[0], in[1].detach(), in[2].detach()); };
    expect_same(fused, plain, {random({2, 50, 3, 64}), angles.cos(), angles.sin()}, 1e-5);
    // as a slice of the merged projection: heads dense, tokens strided
    const auto sliced = [&](const auto& in) { return fused(std::vector{in[0].unbind(2)[1], in[1], in[2]}); };
    const auto plain_sliced = [&](const auto& in) {
        return plain(std::vector{in[0].unbind(2)[1], in[1], in[2]});
    };
    expect_same(sliced, plain_sliced, {random({2, 50, 3, 2, 64}), angles.cos(), angles.sin()}, 1e-5);
}

TEST_P(Kernels, HeadCrossEntropy) {
    const auto plain = [](const auto& in) {
        const Tensor logits = 15 * at::tanh(at::mm(in[0], in[1].t()) / 15);
        return at::cross_entropy_loss(logits, in[2]);
    };
    const auto fused = [](const auto& in) { return head_cross_entropy(in[0], in[1], in[2], 15); };
    for (const std::int64_t vocab : {64, 1000}) {  // the second takes the ATen path
        const Tensor targets = at::randint(vocab, {1100}, at::kLong);
        expect_same(fused, plain, {random({1100, 32}), random({vocab, 32}) * 3, targets}, 1e-5);
    }
}

TEST_P(Kernels, HeadCrossEntropyKeepsNaN) {
    Tensor x = random({32, 32});
    x[5][3] = NAN;
    const Tensor loss = head_cross_entropy(x, random({64, 32}), at::zeros({32}, at::kLong), 15);
    EXPECT_TRUE(std::isnan(loss.item<double>()));
}

TEST_P(Kernels, AttentionWindowIsExact) {
    // 300 tokens: whole blocks and a rest; windows below and above the smallest block, and as long as the
    // text
    for (const std::int64_t window : {1, 7, 64, 75, 100, 150, 299, 300, 500}) {
        SCOPED_TRACE(window);
        const auto plain = [&](const auto& in) {
            const auto T = in[0].size(1);
            const Tensor q = in[0].transpose(1, 2), k = in[1].transpose(1, 2), v = in[2].transpose(1, 2);
            const Tensor hidden = at::ones({T, T}, at::kBool).tril().triu(1 - window).logical_not();
            const Tensor scores = at::matmul(q, k.mT()) / std::sqrt(static_cast<double>(q.size(3)));
            return at::matmul(at::softmax(scores.masked_fill(hidden, -INFINITY), -1), v).transpose(1, 2);
        };
        const auto blocks = [&](const auto& in) { return causal_attention(in[0], in[1], in[2], window); };
        const std::vector<Tensor> inputs = {random({1, 300, 2, 16}), random({1, 300, 2, 16}),
                                            random({1, 300, 2, 16})};
        expect_same(blocks, plain, inputs, 1e-4);
    }
}

TEST(KernelsPath, IsLeftWithANoteButNotWhereItIsSettled) {
    kernels::take_plain_path("no NVRTC");
    EXPECT_EQ(kernels::passes_fault(), "no NVRTC");
    kernels::path_is_settled() = true;
    try {
        kernels::take_plain_path("no driver");
        ADD_FAILURE() << "the trial would go on";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("no driver"), std::string::npos) << error.what();
    }
    kernels::path_is_settled() = false;
    kernels::passes_fault().clear();
}

}  // namespace
}  // namespace autoresearch

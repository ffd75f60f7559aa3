// The GPU's kernels without a GPU: prepare/kernels/gpu_*.cu are built for the host, for a few sizes, and the
// operations that use it are compared with their plain expressions, forward and backward.

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/custom_function.h>

#include "autoresearch/ops.h"
#include "host_gpu.h"
#include "prepare/kernels/gpu_ops.h"
#include "prepare/kernels/matmul.h"
#include "prepare/kernels/nvrtc.h"
#include "prepare/session/device.h"

// clang-format off: their order matters
// The sizes of check_kernels(), in both types, and small ones.
#define WIDTH 520
#define HEAD 128
#define VOCAB 4104
#define THREADS 512
namespace wide {
#include "prepare/kernels/gpu_numbers.cu"
#include "prepare/kernels/gpu_rows.cu"
#include "prepare/kernels/gpu_heads.cu"
#include "prepare/kernels/gpu_logits.cu"
}  // namespace wide
#define FP32
namespace wide_fp32 {
#include "prepare/kernels/gpu_numbers.cu"
#include "prepare/kernels/gpu_rows.cu"
#include "prepare/kernels/gpu_heads.cu"
#include "prepare/kernels/gpu_logits.cu"
}  // namespace wide_fp32
#undef WIDTH
#undef HEAD
#undef VOCAB
#define WIDTH 24
#define HEAD 32
#define VOCAB 96
namespace narrow {
#include "prepare/kernels/gpu_numbers.cu"
#include "prepare/kernels/gpu_rows.cu"
#include "prepare/kernels/gpu_heads.cu"
#include "prepare/kernels/gpu_logits.cu"
}  // namespace narrow
// clang-format on

namespace {

using namespace autoresearch;
using at::Tensor;

int& launches() {
    static int count = 0;
    return count;
}

/// The name of a kernel that does nothing, to see who notices.
std::string& broken() {
    static std::string name;
    return name;
}

void run_on_host(const std::string& defines, const std::string& kernel, std::int64_t blocks, int threads,
                 void** arguments) {
    ++launches();
    if (kernel == broken()) return;
    const auto has = [&](const char* define) { return defines.find(define) != std::string::npos; };
    const bool fp32 = has("FP32"), small = has("=24") || has("=32 ") || has("=96");
#define KERNEL_OF(name)                                                                            \
    if (kernel == #name) {                                                                         \
        if (!fp32) return host_gpu::call(wide::name, blocks, threads, arguments);                  \
        return host_gpu::call(small ? narrow::name : wide_fp32::name, blocks, threads, arguments); \
    }
    KERNEL_OF(norm_forward)
    KERNEL_OF(norm_backward)
    KERNEL_OF(mix_norm_backward)
    KERNEL_OF(embed_forward)
    KERNEL_OF(embed_backward)
    KERNEL_OF(rotary_forward)
    KERNEL_OF(rotary_backward)
    KERNEL_OF(cross_entropy)
    KERNEL_OF(square_forward)
    KERNEL_OF(square_backward)
#undef KERNEL_OF
    FAIL() << "no kernel " << kernel;
}

struct GpuPasses : testing::TestWithParam<at::ScalarType> {
    void SetUp() override {
        kernels::Passes::on_host() = run_on_host;
        at::manual_seed(1);
        launches() = 0;
    }
    void TearDown() override { kernels::Passes::on_host() = nullptr; }
    bool bf16() const { return GetParam() == at::kBFloat16; }
    std::int64_t width() const { return bf16() ? 520 : 24; }
    std::int64_t head() const { return bf16() ? 128 : 32; }
    std::int64_t vocab() const { return bf16() ? 4104 : 96; }
    Tensor drawn(at::IntArrayRef sizes) const { return at::randn(sizes).to(GetParam()); }

    /// Results and gradients of one expression, as fp32; fp32 inputs that stand for bf16 ones when `exact`.
    using Operation = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;
    static std::vector<Tensor> all(const Operation& operation, const std::vector<Tensor>& inputs,
                                   bool exact) {
        std::vector<Tensor> leaves;
        for (const Tensor& input : inputs)
            leaves.push_back((exact ? input.to(at::kFloat) : input).detach().clone().requires_grad_(true));
        std::vector<Tensor> results = operation(leaves);
        Tensor sum = at::zeros({});
        at::manual_seed(7);
        for (const Tensor& result : results)
            sum = sum + (result.to(at::kFloat) * at::randn(result.sizes())).sum();
        sum.backward();
        for (Tensor& result : results) result = result.detach().to(at::kFloat);
        for (const Tensor& leaf : leaves) results.push_back(leaf.grad().to(at::kFloat));
        return results;
    }
    /// The kernel's against the plain expression in fp32, whose inputs are the same numbers.
    void expect_same(const Operation& fused, const Operation& plain,
                     const std::vector<Tensor>& inputs) const {
        const auto actual = all(fused, inputs, false);
        EXPECT_GE(launches(), 2);  // forward and backward really were kernels
        kernels::plain_path() = true;
        const auto expected = all(plain, inputs, true);
        kernels::plain_path() = false;
        ASSERT_EQ(actual.size(), expected.size());
        for (std::size_t i = 0; i < actual.size(); ++i) {
            const double error =
                ((actual[i] - expected[i]).norm() / expected[i].norm().clamp_min(1e-6)).item<double>();
            EXPECT_LT(error, bf16() ? 6e-3 : 2e-6) << "result or gradient " << i;
        }
    }
};

TEST_P(GpuPasses, Norms) {
    const std::vector<Tensor> x = {drawn({37, width()})};
    expect_same([](const auto& in) { return std::vector<Tensor>{*gpu::rms_norm(in[0])}; },
                [](const auto& in) { return std::vector<Tensor>{rms_norm(in[0])}; }, x);
    for (const bool kept : {false, true}) {
        SCOPED_TRACE(kept);
        Tensor holder;  // somebody else has x: its memory is not for reuse
        expect_same(
            [&](const auto& in) {
                Tensor stream = 2 * in[0];
                if (kept) holder = stream;
                const auto [sum, norm] = *gpu::project_add_norm(stream, in[1], in[2]);
                EXPECT_EQ(sum.const_data_ptr() == stream.const_data_ptr(), !kept);
                EXPECT_TRUE(!kept || at::equal(holder, 2 * in[0]));
                return std::vector<Tensor>{sum, norm};
            },
            [](const auto& in) {
                const auto [sum, norm] = project_add_norm(2 * in[0], in[1], in[2]);
                return std::vector<Tensor>{sum, norm};
            },
            {drawn({37, width()}), drawn({37, width()}), drawn({width(), width()})});
    }
}

TEST_P(GpuPasses, MixesTheStreamAlsoWhereAFactorIsZero) {
    for (const double factor : {0.8, 0.0})
        expect_same(
            [](const auto& in) {
                const auto [sum, norm] = *gpu::mix_norm(in[0], in[1], in[2], in[3]);
                return std::vector<Tensor>{sum, norm};
            },
            [](const auto& in) {
                const auto [sum, norm] = mix_norm(in[0], in[1], in[2], in[3]);
                return std::vector<Tensor>{sum, norm};
            },
            {at::full({}, factor), drawn({37, width()}), at::full({}, 0.3), drawn({37, width()})});
}

TEST_P(GpuPasses, EmbedsAndNormalises) {
    const Tensor tokens = at::randint(vocab(), {3, 13}, at::kLong);
    const auto type = GetParam();
    expect_same([&](const auto& in) { return std::vector<Tensor>{*gpu::embed_norm(in[0], tokens, type)}; },
                [&](const auto& in) { return std::vector<Tensor>{embed_norm(in[0], tokens, at::kFloat)}; },
                {at::randn({vocab(), width()})});
}

TEST_P(GpuPasses, SquaresTheRelu) {
    expect_same([](const auto& in) { return std::vector<Tensor>{*gpu::relu_squared(in[0])}; },
                [](const auto& in) { return std::vector<Tensor>{relu_squared(in[0])}; },
                {drawn({37, width()})});
    expect_same(
        [](const auto& in) {
            Tensor x = 2 * in[0];
            return std::vector<Tensor>{*gpu::mlp_add(x, in[1], in[2], in[3])};
        },
        [](const auto& in) { return std::vector<Tensor>{mlp_add(2 * in[0], in[1], in[2], in[3])}; },
        {drawn({37, width()}), drawn({37, width()}), drawn({64, width()}) * 0.2, drawn({width(), 64}) * 0.2});
}

TEST_P(GpuPasses, RotatesNormalisesAndAddsGatedValues) {
    const std::int64_t B = 2, T = 11, H = 3, D = head();
    const Tensor angles = at::outer(at::arange(T, at::kFloat), at::rand({D / 2}));
    const Tensor cos = angles.cos(), sin = angles.sin(), tokens = at::randint(vocab(), {B, T}, at::kLong);
    const auto listed = [](const Heads& heads) { return std::vector<Tensor>{heads.q, heads.k, heads.v}; };
    expect_same([&](const auto& in) { return listed(*gpu::rotary_qkv(in[0], cos, sin, {}, {}, {})); },
                [&](const auto& in) { return listed(rotary_qkv(in[0], cos, sin)); },
                {drawn({B, T, 3, H, D})});
    expect_same(
        [&](const auto& in) { return listed(*gpu::rotary_qkv(in[0], cos, sin, in[1], in[2], tokens)); },
        [&](const auto& in) { return listed(rotary_qkv(in[0], cos, sin, in[1], in[2], tokens)); },
        {drawn({B, T, 3, H, D}), at::rand({B * T, H}).to(GetParam()), at::randn({vocab(), H * D})});
}

/// Stands for cuDNN's attention: its gradients lie side by side, and may be overwritten.
struct SideBySide : torch::autograd::Function<SideBySide> {
    static const void*& memory() {
        static const void* last = nullptr;
        return last;
    }
    using Context = torch::autograd::AutogradContext;
    using List = torch::autograd::variable_list;
    static Tensor forward(Context* ctx, const Tensor& q, const Tensor& k, const Tensor& v) {
        ctx->save_for_backward({q, k, v});
        return (q + 2 * k + 3 * v).contiguous();
    }
    static List backward(Context*, const List& grads) {
        const Tensor all = at::stack({grads[0], 2 * grads[0], 3 * grads[0]}, 2);
        memory() = all.const_data_ptr();
        List parts;
        for (int i = 0; i < 3; ++i) parts.emplace_back(all.select(2, i).variable_data());
        return parts;
    }
};

TEST_P(GpuPasses, OverwritesGradientsThatNobodyElseHas) {
    const std::int64_t B = 2, T = 11, H = 3, D = head();
    const Tensor angles = at::outer(at::arange(T, at::kFloat), at::rand({D / 2}));
    const Tensor cos = angles.cos(), sin = angles.sin(), tokens = at::randint(vocab(), {B, T}, at::kLong);
    const Tensor input = drawn({B, T, 3, H, D}).requires_grad_(true);
    const auto plain = *gpu::rotary_qkv(input, cos, sin, {}, {}, {});
    SideBySide::apply(plain.q, plain.k, plain.v).sum().backward();
    EXPECT_EQ(input.grad().const_data_ptr(), SideBySide::memory()) << "nothing was copied";
    // An input of its own that gets the same gradient as q would see it overwritten.
    for (const bool shared : {false, true}) {
        SCOPED_TRACE(shared);
        const auto sum = [&](const Heads& heads, const Tensor& bias) {
            return std::vector<Tensor>{
                SideBySide::apply(shared ? heads.q + bias : heads.q, heads.k, heads.v) +
                (shared ? 0 : 1) * bias};
        };
        expect_same(
            [&](const auto& in) {
                const auto heads = *gpu::rotary_qkv(in[0], cos, sin, in[1], in[2], tokens);
                return sum(heads, in[3]);
            },
            [&](const auto& in) { return sum(rotary_qkv(in[0], cos, sin, in[1], in[2], tokens), in[3]); },
            {drawn({B, T, 3, H, D}), at::rand({B * T, H}).to(GetParam()), at::randn({vocab(), H * D}),
             drawn({B, T, H, D})});
    }
}

TEST_P(GpuPasses, NoticesChangesInPlaceOfWhatItKept) {
    const Tensor input = drawn({1, 4, 3, 2, head()}).requires_grad_(true), angles = at::rand({4, head() / 2});
    const auto parts = *gpu::rotary_qkv(input, angles.cos(), angles.sin(), {}, {}, {});
    Tensor q = parts.q;
    q.mul_(2);
    EXPECT_THROW((q.sum() + parts.k.sum() + parts.v.sum()).backward(), c10::Error);
}

TEST_P(GpuPasses, ATargetOutsideTheVocabularyIsNoLoss) {
    for (const std::int64_t target : {std::int64_t{-1}, vocab()}) {
        const Tensor losses = at::zeros({1});
        gpu::cross_entropy(drawn({1, vocab()}), at::full({1}, target, at::kLong), losses, 15, 1);
        EXPECT_TRUE(std::isnan(losses.item<float>())) << target;
    }
}

TEST_P(GpuPasses, CrossEntropyInPlace) {
    const std::int64_t rows = 19;
    const Tensor logits = (drawn({rows, vocab()}) * 5).to(GetParam()),
                 targets = at::randint(vocab(), {rows}, at::kLong);
    const Tensor raw = logits.to(at::kFloat).requires_grad_(true);
    const Tensor log_p = at::log_softmax(15 * at::tanh(raw / 15), -1);
    const Tensor expected = -log_p.gather(1, targets.unsqueeze(1)).squeeze(1);
    (expected.sum() * 0.25).backward();
    const Tensor losses = at::empty({rows});
    ASSERT_TRUE(gpu::has_cross_entropy(logits, vocab(), 15));
    gpu::cross_entropy(logits, targets, losses, 15, 0.25);
    EXPECT_LT((losses - expected).abs().max().item<double>(), 1e-5);
    const Tensor difference = logits.to(at::kFloat) - raw.grad();
    EXPECT_LT((difference.norm() / raw.grad().norm()).item<double>(), bf16() ? 3e-3 : 1e-5);
    EXPECT_FALSE(gpu::has_cross_entropy(logits, vocab() + 1, 15));
    EXPECT_FALSE(gpu::has_cross_entropy(logits, vocab(), 60)) << "e^120 is no float";
}

TEST_P(GpuPasses, LeavesOtherShapesToThePlainPath) {
    EXPECT_FALSE(gpu::rms_norm(drawn({4, 12})));
    EXPECT_FALSE(gpu::rms_norm(at::ones({4, 24}, at::kDouble)));
    EXPECT_FALSE(gpu::relu_squared(drawn({3})));
    const Tensor half = at::ones({4, 24});
    EXPECT_FALSE(gpu::rotary_qkv(drawn({1, 4, 3, 2, 48}), half, half, {}, {}, {}));
    const Tensor short_angles = at::ones({3, head() / 2}), angles = at::ones({4, head() / 2});
    EXPECT_FALSE(gpu::rotary_qkv(drawn({1, 4, 3, 2, head()}), short_angles, short_angles, {}, {}, {}));
    EXPECT_FALSE(gpu::rotary_qkv(drawn({1, 4, 3, 2, head()}), angles, angles, at::ones({4, 2}),
                                 at::ones({8, head()}), at::ones({1, 4}, at::kLong)))
        << "a table of another width";
    EXPECT_FALSE(gpu::mix_norm(at::ones({width()}), drawn({4, width()}), at::ones({}), drawn({4, width()})))
        << "a factor for each channel";
    kernels::plain_path() = true;
    EXPECT_FALSE(gpu::rms_norm(drawn({4, 24})));
    kernels::plain_path() = false;
}

TEST(CheckKernels, RejectsEachKernelThatIsWrong) {
    kernels::Passes::on_host() = run_on_host;
    // New memory is not a number: what a kernel leaves out could else be the right result of a run before.
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
    EXPECT_EQ(check_kernels(at::kCPU), "");
    for (const char* kernel :
         {"norm_forward", "norm_backward", "mix_norm_backward", "embed_forward", "embed_backward",
          "rotary_forward", "rotary_backward", "cross_entropy", "square_forward", "square_backward"}) {
        broken() = kernel;
        EXPECT_NE(check_kernels(at::kCPU), "") << kernel;
    }
    at::globalContext().setDeterministicAlgorithms(false, false);
    broken().clear();
    kernels::Passes::on_host() = nullptr;
}

INSTANTIATE_TEST_SUITE_P(Types, GpuPasses, testing::Values(at::kBFloat16, at::kFloat),
                         [](const auto& type) { return type.param == at::kFloat ? "fp32" : "bf16"; });

}  // namespace

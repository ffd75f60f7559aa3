#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <utility>
#include <vector>

#include "prepare/kernels/matmul.h"
#include "prepare/session/device.h"

namespace autoresearch {
namespace {

using at::Tensor;
using Tensors = std::vector<Tensor>;

/// An operation with inputs that it may be given.
struct Case {
    const char* name;
    std::function<Tensors(const Tensors&)> operation;
    Tensors inputs;
};

/// Results and gradients under a fixed weighting, in fp32.
Tensors results_of(const Case& each, bool exact) {
    Tensors leaves;
    for (const Tensor& input : each.inputs)
        leaves.push_back((exact ? input.to(at::kFloat) : input).detach().clone().requires_grad_(true));
    Tensors results = each.operation(leaves);
    Tensor sum = at::zeros({}, results[0].options().dtype(at::kFloat));
    for (std::size_t i = 0; i < results.size(); ++i) {
        const Tensor flat = results[i].to(at::kFloat).reshape({-1});
        const Tensor weights =
            at::cos(at::arange(flat.numel(), flat.options()) * (1.0 + static_cast<double>(i)));
        sum = sum + (flat * weights).sum();
    }
    sum.backward();
    for (Tensor& result : results) result = result.detach().to(at::kFloat);
    for (const Tensor& leaf : leaves) results.push_back(leaf.grad().to(at::kFloat));
    return results;
}

/// By ATen alone, in fp32.
Tensors plain_results_of(const Case& each) {
    struct PlainPath {
        bool before = std::exchange(kernels::plain_path(), true);
        ~PlainPath() { kernels::plain_path() = before; }
    } plain;
    return results_of(each, true);
}

Tensors listed(const Normed& both) {
    return {both.sum, both.norm};
}
Tensors listed(const Heads& heads) {
    return {heads.q, heads.k, heads.v};
}

/// Odd sizes, so that the ends of rows and blocks are looked at, too. The numbers are the same on every
/// device and in every check: a sum that comes out near zero by chance would look like a fault.
std::vector<Case> cases(at::TensorOptions type) {
    constexpr std::int64_t B = 2, T = 75, N = B * T, C = 520, H = 3, D = 128, V = 4104;
    constexpr std::uint64_t kSeed = 1;
    const at::Generator random = at::detail::createCPUGenerator(kSeed);
    const auto fp32 = type.dtype(at::kFloat);
    const auto out = type.dtype().toScalarType();
    const auto normal = [=](at::IntArrayRef shape, double scale = 1) {
        return (at::randn(shape, random) * scale).to(type.device(), out);
    };
    const auto x = [=] { return normal({N, C}); };
    const auto head = [=] { return normal({B, T, H, D}); };
    const auto table = [=](std::int64_t width) { return at::randn({V, width}, random).to(type.device()); };
    const Tensor tokens = at::randint(V, {B, T}, random, at::kLong).to(type.device());
    const Tensor targets = at::randint(V, {N}, random, at::kLong).to(type.device());
    const Tensor angles = at::outer(at::arange(T, fp32), at::rand({D / 2}, random).to(type.device()));
    const Tensor cos = angles.cos(), sin = angles.sin();
    std::vector<Case> all = {
        {"rms_norm", [](const Tensors& in) { return Tensors{rms_norm(in[0])}; }, {x()}},
        {"project_add_norm",
         [](const Tensors& in) { return listed(project_add_norm(2 * in[0], in[1], in[2])); },
         {x(), x(), normal({C, C}, 0.05)}},
        {"mix_norm",
         [](const Tensors& in) { return listed(mix_norm(in[0], in[1], in[2], in[3])); },
         {at::full({}, 0.8, fp32), x(), at::full({}, 0.3, fp32), x()}},
        {"embed_norm",
         [=](const Tensors& in) { return Tensors{embed_norm(in[0], tokens, out)}; },
         {table(C)}},
        {"relu_squared", [](const Tensors& in) { return Tensors{relu_squared(in[0])}; }, {x()}},
        {"mlp_add",
         [](const Tensors& in) { return Tensors{mlp_add(2 * in[0], in[1], in[2], in[3])}; },
         {x(), x(), normal({4 * C, C}, 0.05), normal({C, 4 * C}, 0.05)}},
        {"rotary_qkv",
         [=](const Tensors& in) { return listed(rotary_qkv(in[0], cos, sin)); },
         {normal({B, T, 3, H, D})}},
        {"rotary_qkv with values",
         [=](const Tensors& in) { return listed(rotary_qkv(in[0], cos, sin, in[1], in[2], tokens)); },
         {normal({B, T, 3, H, D}), normal({N, H}), table(H * D)}},
        {"head_cross_entropy",
         [=](const Tensors& in) { return Tensors{head_cross_entropy(in[0], in[1], targets, 15)}; },
         {x(), normal({V, C}, 0.1)}},
    };
    for (const std::int64_t window : {T, T / 2})
        all.push_back(
            {"causal_attention",
             [=](const Tensors& in) { return Tensors{causal_attention(in[0], in[1], in[2], window)}; },
             {head(), head(), head()}});
    return all;
}

}  // namespace

std::string check_kernels(at::Device device) {
    for (const at::ScalarType type : {at::kBFloat16, at::kFloat}) {
        const double allowed = type == at::kFloat ? 1e-4 : 2e-2;
        for (const Case& each : cases(at::TensorOptions(device).dtype(type))) {
            const Tensors actual = results_of(each, false);
            const Tensors expected = plain_results_of(each);
            for (std::size_t i = 0; i < actual.size(); ++i) {
                const double error =
                    ((actual[i] - expected[i]).norm() / expected[i].norm().clamp_min(1e-6)).item<double>();
                if (!(error <= allowed))
                    return c10::str(each.name, " differs from its plain expression by ", error, " in ", type);
            }
        }
    }
    return "";
}

}  // namespace autoresearch

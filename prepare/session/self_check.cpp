#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <vector>

#include "prepare/kernels/matmul.h"
#include "prepare/session/device.h"

namespace autoresearch {
namespace {

using at::Tensor;

double largest(const Tensor& t) {
    return t.detach().to(at::kFloat).abs().max().item<double>();
}

/// Difference of two tensors on any device, relative to the second; infinite when it is not a number.
double difference(const Tensor& a, const Tensor& b) {
    const Tensor left = a.detach().cpu().to(at::kFloat), right = b.detach().cpu().to(at::kFloat);
    const double relative = largest(left - right) / std::max(1e-6, largest(right));
    return relative == relative ? relative : INFINITY;
}

std::string sums(const at::TensorOptions& type) {
    // 16384 is the longest sum that a trainer may use; ones add up exactly.
    for (const std::int64_t length : {1000, 16384}) {
        const Tensor sum = at::mm(at::ones({64, length}, type), at::ones({length, 64}, type));
        const auto expected = at::full({64, 64}, static_cast<double>(length), type).cpu();
        if (!sum.cpu().equal(expected)) return "a matmul over " + std::to_string(length) + " ones is wrong";
    }
    const Tensor x = at::randn({256, 128}, type), w = at::randn({192, 128}, type);
    const Tensor first = at::linear(x, w).cpu();
    for (int i = 0; i < 3; ++i)
        if (difference(at::linear(x, w), first) > 1e-6) return "the same matmul differs from call to call";
    return "";
}

std::string look_ahead(const at::TensorOptions& type, const Attention& attention) {
    constexpr std::int64_t kLength = 192, kKept = 101;
    for (const std::int64_t width : {64, 128}) {
        for (const std::int64_t window : {192, 96}) {
            for (const bool gradients : {true, false}) {
                const at::AutoGradMode mode(gradients);
                const auto draw = [&] {
                    return at::randn({2, kLength, 2, width}, type).requires_grad_(gradients);
                };
                const auto other_end = [&](const Tensor& t) {
                    return at::cat({t.narrow(1, 0, kKept), draw().narrow(1, kKept, kLength - kKept)}, 1);
                };
                const Tensor q = draw(), k = draw(), v = draw();
                const Tensor before = attention(q, k, v, window).narrow(1, 0, kKept);
                const Tensor after =
                    attention(other_end(q), other_end(k), other_end(v), window).narrow(1, 0, kKept);
                if (difference(after, before) < 1e-3) continue;
                return c10::str("attention sees later tokens (", q.scalar_type(), ", head width ", width,
                                ", window ", window, gradients ? ", with" : ", without", " gradients)");
            }
        }
    }
    return "";
}

/// A small layer, forward and backward: the loss and the gradients of `weights`, which are on the CPU.
std::vector<Tensor> step(const std::vector<Tensor>& weights, const Tensor& tokens, at::Device device,
                         const Attention& attention) {
    constexpr std::int64_t B = 2, T = 160, H = 2, D = 64;
    std::vector<Tensor> w;
    w.reserve(weights.size());
    for (const Tensor& weight : weights) w.push_back(weight.to(device).clone().requires_grad_(true));
    const Tensor inputs = tokens.narrow(1, 0, T).to(device),
                 targets = tokens.narrow(1, 1, T).contiguous().to(device);
    const Tensor angles =
        at::outer(at::arange(T, at::kFloat), at::rsqrt(at::arange(1, D / 2 + 1, at::kFloat)));
    const Tensor cos = angles.cos().to(device), sin = angles.sin().to(device);
    const Tensor x0 = rms_norm(at::embedding(w[0], inputs).view({B * T, H * D}));
    const auto qkv = at::linear(x0, w[1]).view({B, T, 3, H, D}).unbind(2);
    const Tensor y = attention(rotary_norm(qkv[0], cos, sin), rotary_norm(qkv[1], cos, sin), qkv[2], T / 2);
    const Tensor x = w[3][0] * y.reshape({B * T, H * D}) + w[3][1] * x0;
    const Tensor loss =
        head_cross_entropy(at::relu(rms_norm(x)).square(), w[2], targets.view({B * T}), /*softcap=*/15);
    loss.backward();
    std::vector<Tensor> result = {loss};
    result.reserve(w.size() + 1);
    for (const Tensor& weight : w) result.push_back(weight.grad());
    return result;
}

std::string small_step(at::Device device, const Attention& attention) {
    const std::vector<Tensor> weights = {at::randn({96, 128}), at::randn({384, 128}) * 0.1,
                                         at::randn({96, 128}) * 0.1, at::full({2}, 0.7)};
    const Tensor tokens = at::randint(96, {2, 161}, at::kLong);
    const bool was_plain = kernels::plain_path();
    kernels::plain_path() = true;
    const auto expected = step(weights, tokens, at::kCPU, causal_attention);
    kernels::plain_path() = was_plain;
    const auto actual = step(weights, tokens, device, attention);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (difference(actual[i], expected[i]) > 2e-3)
            return i == 0 ? "the loss of a small step differs from the CPU's"
                          : "a gradient of a small step differs from the CPU's";
    }
    return "";
}

}  // namespace

std::string self_check(at::Device device, const Attention& attention) {
    std::vector<at::ScalarType> types = {at::kFloat};
    if (!device.is_cpu()) types.push_back(at::kBFloat16);
    for (const at::ScalarType type : types) {
        const auto options = at::TensorOptions(device).dtype(type);
        if (std::string fault = sums(options); !fault.empty()) return fault;
        if (std::string fault = look_ahead(options, attention); !fault.empty()) return fault;
    }
    return small_step(device, attention);
}

}  // namespace autoresearch

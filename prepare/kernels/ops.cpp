#include "autoresearch/ops.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>

#include <limits>

#include "prepare/kernels/cpu_ops.h"
#include "prepare/kernels/gpu_ops.h"

// Each operation is the first of these that applies: the CPU's kernel, the GPU's, the plain expression.
namespace autoresearch {

using at::Tensor;

Tensor rms_norm(const Tensor& x) {
    if (auto y = cpu::rms_norm(x)) return *y;
    if (auto y = gpu::rms_norm(x)) return *y;
    constexpr float kEps = std::numeric_limits<float>::epsilon();
    const Tensor wide = x.to(at::kFloat);
    return (wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + kEps)).to(x.scalar_type());
}

Tensor embed_norm(const Tensor& table, const Tensor& tokens, c10::ScalarType type) {
    if (auto y = gpu::embed_norm(table, tokens, type)) return *y;
    return rms_norm(at::embedding(table, tokens).to(type).view({-1, table.size(1)}));
}

Normed project_add_norm(Tensor x, const Tensor& y, const Tensor& proj) {
    if (auto both = gpu::project_add_norm(x, y, proj)) return *both;
    const Tensor sum = x + at::linear(y, proj);
    return {sum, rms_norm(sum)};
}

Normed mix_norm(const Tensor& a, const Tensor& x, const Tensor& b, const Tensor& x0) {
    if (auto both = gpu::mix_norm(a, x, b, x0)) return *both;
    const Tensor sum = scaled_sum(a, x, b, x0);
    return {sum, rms_norm(sum)};
}

Tensor relu_squared(const Tensor& x) {
    if (auto y = cpu::relu_squared(x)) return *y;
    if (auto y = gpu::relu_squared(x)) return *y;
    return at::relu(x).square();
}

Tensor mlp_add(Tensor x, const Tensor& y, const Tensor& fc, const Tensor& proj) {
    if (auto sum = gpu::mlp_add(x, y, fc, proj)) return *sum;
    return x + at::linear(relu_squared(at::linear(y, fc)), proj);
}

Tensor scaled_sum(const Tensor& a, const Tensor& x, const Tensor& b, const Tensor& x0) {
    if (auto y = cpu::scaled_sum(a, x, b, x0)) return *y;
    return a.to(x.scalar_type()) * x + b.to(x.scalar_type()) * x0;
}

Tensor rotary_norm(const Tensor& x, const Tensor& cos, const Tensor& sin) {
    if (auto y = cpu::rotary_norm(x, cos, sin)) return *y;
    const std::int64_t half = x.size(3) / 2;
    const Tensor c = cos.unsqueeze(1).to(x.scalar_type()), s = sin.unsqueeze(1).to(x.scalar_type());
    const Tensor x1 = x.narrow(3, 0, half), x2 = x.narrow(3, half, half);  // c, s: (T, 1, D/2)
    return rms_norm(at::cat({x1 * c + x2 * s, x2 * c - x1 * s}, 3));
}

Heads rotary_qkv(const Tensor& qkv, const Tensor& cos, const Tensor& sin) {
    if (auto heads = gpu::rotary_qkv(qkv, cos, sin, {}, {}, {})) return *heads;
    const auto parts = qkv.unbind(2);
    return {rotary_norm(parts[0], cos, sin), rotary_norm(parts[1], cos, sin), parts[2]};
}

Heads rotary_qkv(const Tensor& qkv, const Tensor& cos, const Tensor& sin, const Tensor& gate,
                 const Tensor& table, const Tensor& tokens) {
    if (auto heads = gpu::rotary_qkv(qkv, cos, sin, gate, table, tokens)) return *heads;
    const std::int64_t B = qkv.size(0), T = qkv.size(1), H = qkv.size(3), D = qkv.size(4);
    auto [q, k, v] = rotary_qkv(qkv, cos, sin);
    const Tensor values = at::embedding(table, tokens).to(v.scalar_type()).view({B, T, H, D});
    return {q, k, v + gate.view({B, T, H, 1}) * values};
}

bool stores_little(at::Device device, std::int64_t head_dim) {
    return device.is_cuda() && gpu::available(device) &&
           (head_dim == 32 || head_dim == 64 || head_dim == 128);
}

Bf16Autocast::Bf16Autocast(at::Device device, bool enabled) : type_(device.type()), enabled_(enabled) {
    if (!enabled_) return;
    was_enabled_ = at::autocast::is_autocast_enabled(type_);
    was_dtype_ = at::autocast::get_autocast_dtype(type_);
    at::autocast::set_autocast_enabled(type_, true);
    at::autocast::set_autocast_dtype(type_, at::kBFloat16);
    at::autocast::increment_nesting();
}

Bf16Autocast::~Bf16Autocast() {
    if (!enabled_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(type_, was_enabled_);
    at::autocast::set_autocast_dtype(type_, was_dtype_);
}

c10::ScalarType compute_type(at::Device device) {
    return at::autocast::is_autocast_enabled(device.type()) ? at::autocast::get_autocast_dtype(device.type())
                                                            : at::kFloat;
}

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <optional>

#include "autoresearch/ops.h"

// The operations of ops.h on an NVIDIA GPU, in one kernel each (gpu_*.cu). Differentiable. Each returns
// nothing where it does not apply, and then the plain expression of ops.cpp does the work. Gradients of
// tables and of cross-entropy's head are sums in no fixed order: the last bits differ from run to run.

namespace autoresearch::gpu {

using at::Tensor;

/// Whether these are used in bf16 on that device: from Ampere on.
bool available(at::Device device);

std::optional<Tensor> rms_norm(const Tensor& x);
std::optional<Tensor> relu_squared(const Tensor& x);
std::optional<Tensor> embed_norm(const Tensor& table, const Tensor& tokens, at::ScalarType type);
std::optional<Normed> mix_norm(const Tensor& a, const Tensor& x, const Tensor& b, const Tensor& x0);
std::optional<Heads> rotary_qkv(const Tensor& qkv, const Tensor& cos, const Tensor& sin, const Tensor& gate,
                                const Tensor& table, const Tensor& tokens);
/// The sum in the matmul, in the memory of x if nobody else has it.
std::optional<Normed> project_add_norm(Tensor& x, const Tensor& y, const Tensor& proj);
/// Likewise; the square and its slope in the matmuls, too, by cuDNN.
std::optional<Tensor> mlp_add(Tensor& x, const Tensor& y, const Tensor& fc, const Tensor& proj);
/// By cuDNN, or else FlashAttention-2 with its window [Dao, FlashAttention-2, 2023]. In bf16.
std::optional<Tensor> causal_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                       std::int64_t window);

/// Raw logits (rows, V) -> scale times the gradient of their cross-entropy under the soft cap, in place; the
/// losses go to `losses` (rows). Only where has_cross_entropy() says so, for the product of x and a head.
void cross_entropy(const Tensor& logits, const Tensor& targets, const Tensor& losses, double softcap,
                   double scale);
bool has_cross_entropy(const Tensor& x, std::int64_t vocab, double softcap);

}  // namespace autoresearch::gpu

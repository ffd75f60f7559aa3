#pragma once

// Transformer operations worth fusing into one kernel. Differentiable on every device: on the CPU in fp32
// they are fused and vectorised by hand (prepare/kernels/ops.cpp), elsewhere they are the plain ATen
// expression given in the comment.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace autoresearch {

/// x / sqrt(mean(x^2) + eps) over the last dimension, eps = 2^-23.
at::Tensor rms_norm(const at::Tensor& x);

/// relu(x)^2.
at::Tensor relu_squared(const at::Tensor& x);

/// a * x + b * x0 with learned scalars: a and b are 0-dim tensors.
at::Tensor scaled_sum(const at::Tensor& a, const at::Tensor& x, const at::Tensor& b, const at::Tensor& x0);

/// Rotary position embedding, then RMS norm over each head: x (B, T, H, D), cos and sin (T, D/2).
/// With x = [x1, x2] along D: rms_norm([x1 cos + x2 sin, x2 cos - x1 sin]).
/// cos and sin are used in the type of x.
at::Tensor rotary_norm(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

/// Softmax attention of q, k, v (B, T, H, D) over the `window` latest positions, including the token's own.
/// Returns (B, T, H, D). A window shorter than T is computed in blocks of its length, each with itself and
/// the positions before it, not as a mask over T x T.
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::int64_t window);

/// Mean cross-entropy in nats of targets (N) under logits = softcap * tanh(x head^T / softcap), x (N, C),
/// head (V, C). Works on slices of the rows, forward and backward at once: logits for all rows never exist
/// together.
at::Tensor head_cross_entropy(const at::Tensor& x, const at::Tensor& head, const at::Tensor& targets,
                              double softcap);

/// While it lives, this thread's matmuls and attention run in bf16 on that device. Does nothing unless
/// `enabled`.
class Bf16Autocast {
  public:
    Bf16Autocast(at::Device device, bool enabled);
    ~Bf16Autocast();
    Bf16Autocast(const Bf16Autocast&) = delete;
    Bf16Autocast& operator=(const Bf16Autocast&) = delete;

  private:
    c10::DeviceType type_;
    bool enabled_;
    bool was_enabled_ = false;
    c10::ScalarType was_dtype_ = c10::ScalarType::Float;
};

/// The type in which this thread's matmuls run on that device: bf16 while a Bf16Autocast lives, else fp32.
c10::ScalarType compute_type(at::Device device);

}  // namespace autoresearch

#pragma once

// Transformer operations worth fusing into one kernel. Differentiable on every device: one kernel each on the
// CPU in fp32 (prepare/kernels/cpu_ops.cpp) and on NVIDIA's GPUs (prepare/kernels/gpu_ops.cpp), elsewhere the
// plain ATen expression given in the comment. Any of them may be left for its expression: the rest stays
// right.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace autoresearch {

/// x / sqrt(mean(x^2) + eps) over the last dimension, eps = 2^-23.
at::Tensor rms_norm(const at::Tensor& x);

/// rms_norm(table[tokens]) in the given type: table (V, C), tokens (B, T) -> (B*T, C).
at::Tensor embed_norm(const at::Tensor& table, const at::Tensor& tokens, c10::ScalarType type);

/// A sum, and rms_norm(sum).
struct Normed {
    at::Tensor sum, norm;
};
/// sum = scaled_sum(a, x, b, x0).
Normed mix_norm(const at::Tensor& a, const at::Tensor& x, const at::Tensor& b, const at::Tensor& x0);

/// sum = x + at::linear(y, proj): x (N, C), y (N, K), proj (C, K). Takes x: with std::move(), the sum may use
/// its memory.
Normed project_add_norm(at::Tensor x, const at::Tensor& y, const at::Tensor& proj);
/// x + at::linear(relu_squared(at::linear(y, fc)), proj): x and y (N, C), fc (F, C), proj (C, F). Takes x
/// likewise.
at::Tensor mlp_add(at::Tensor x, const at::Tensor& y, const at::Tensor& fc, const at::Tensor& proj);

/// relu(x)^2.
at::Tensor relu_squared(const at::Tensor& x);

/// a * x + b * x0 with learned scalars: a and b are 0-dim tensors.
at::Tensor scaled_sum(const at::Tensor& a, const at::Tensor& x, const at::Tensor& b, const at::Tensor& x0);

/// Rotary position embedding, then RMS norm over each head: x (B, T, H, D), cos and sin (T, D/2).
/// With x = [x1, x2] along D: rms_norm([x1 cos + x2 sin, x2 cos - x1 sin]).
/// cos and sin are used in the type of x.
at::Tensor rotary_norm(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

/// Queries, keys and values of attention, (B, T, H, D) each.
struct Heads {
    at::Tensor q, k, v;
};
/// rotary_norm of q and k, from one projection: qkv (B, T, 3, H, D).
Heads rotary_qkv(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin);
/// The same with value embeddings: v + gate * table[tokens], gate (B*T, H), table (V, H*D), tokens (B, T).
Heads rotary_qkv(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& gate,
                 const at::Tensor& table, const at::Tensor& tokens);

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

/// Whether a block of the operations above, in bf16 and with heads of that width, stores little for its
/// backward pass on that device: 24 bytes for each token, channel and layer, and no scores of attention.
/// Elsewhere it is 128 bytes, and scores.
bool stores_little(at::Device device, std::int64_t head_dim);

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

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

// What cuDNN does better than libtorch's own kernels: attention over a window, and the square in a matmul's
// epilogue. Built where NVIDIA's headers are (cudnn.h and cudnn-frontend, both from pip: scripts/setup); the
// library itself is the one that libtorch has loaded. Each returns false where it does not apply or cuDNN
// refuses, which is said once on stderr and holds for the rest of the process; then nothing was written.

namespace autoresearch::cudnn {

enum class Work { attention, matmul };
/// Why cuDNN does not do that work here; empty: it does, as far as is known.
std::string& fault(Work work);
/// Whether the headers were there.
bool built();

/// Softmax attention in bf16 over the `window` latest positions: q, k, v (B, T, H, D) with any strides -> y
/// (B, T, H, D), dense, and log_sums (B, H, T) in fp32 for the backward pass.
bool attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::int64_t window,
                       const at::Tensor& y, const at::Tensor& log_sums);
/// y and its gradient dy: dense. The gradients of q, k and v go side by side into dqkv (B, T, 3, H, D).
bool attention_backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::int64_t window,
                        const at::Tensor& y, const at::Tensor& log_sums, const at::Tensor& dy,
                        const at::Tensor& dqkv);

/// y = relu(x w^T)^2: x (N, C), w (F, C) -> y (N, F), in bf16, dense.
bool squared_matmul(const at::Tensor& x, const at::Tensor& w, const at::Tensor& y);
/// dx = (g w) 2 sqrt(y), the gradient of relu(x)^2 = y where g w is that of y: g (N, C), w (C, F), y and dx
/// (N, F).
bool sloped_matmul(const at::Tensor& g, const at::Tensor& w, const at::Tensor& y, const at::Tensor& dx);

}  // namespace autoresearch::cudnn

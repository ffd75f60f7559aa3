#pragma once

#include <ATen/Functions.h>

#include "prepare/kernels/nvrtc.h"

// What the operations on an NVIDIA GPU share.
namespace autoresearch::kernels {

inline constexpr int kThreads = 256, kRows = kThreads / 32;  // of a block: a warp takes a row

using Index = long long;  // as in gpu_*.cu

inline const void* in(const at::Tensor& t) {
    return t.defined() ? t.const_data_ptr() : nullptr;
}
inline void* out(const at::Tensor& t) {
    return t.defined() ? t.mutable_data_ptr() : nullptr;
}
inline std::int64_t blocks_for(std::int64_t rows, std::int64_t in_a_block = kRows) {
    return (rows + in_a_block - 1) / in_a_block;
}
inline at::Tensor floats(at::IntArrayRef sizes, const at::Tensor& like) {
    return at::empty(sizes, like.options().dtype(at::kFloat).requires_grad(false));
}
/// The same numbers in one piece that kernels can read 16 bytes at a time.
inline at::Tensor dense(const at::Tensor& t) {
    const at::Tensor one = t.contiguous();
    return reinterpret_cast<std::uintptr_t>(one.const_data_ptr()) % 16 == 0 ? one : one.clone();
}
/// A gradient, dense and in the type of what it belongs to; zeros where nobody gave one.
inline at::Tensor given(const at::Tensor& grad, const at::Tensor& like) {
    return grad.defined() ? dense(grad.to(like.scalar_type())) : at::zeros_like(like);
}

/// Whether there are kernels over rows of this width.
bool takes_rows(const at::Tensor& x);
/// y: the norm of x; scales: one for each row.
void norm_forward(const at::Tensor& x, const at::Tensor& y, const at::Tensor& scales);
/// The gradient of x: gs, that of s, may be undefined.
at::Tensor norm_backward(const at::Tensor& gs, const at::Tensor& gy, const at::Tensor& y,
                         const at::Tensor& scales);
/// y = relu(x)^2, whose sizes are a multiple of 8; y may be x.
void square(const at::Tensor& x, const at::Tensor& y);
/// dx = 2 sqrt(y) g; dx may be g.
void square_slope(const at::Tensor& y, const at::Tensor& g, const at::Tensor& dx);

}  // namespace autoresearch::kernels

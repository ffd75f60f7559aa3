#pragma once

#include <ATen/Functions.h>

#include "prepare/kernels/nvrtc.h"

// What the operations on an NVIDIA GPU share.
namespace autoresearch::kernels {

inline constexpr int kThreads = 256, kRows = kThreads / 32;  // of a block: a warp takes a row

using Index = long long;  // as in passes.cu

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
/// A gradient, dense and in the type of what it belongs to; zeros where nobody gave one.
inline at::Tensor given(const at::Tensor& grad, const at::Tensor& like) {
    return grad.defined() ? grad.to(like.scalar_type()).contiguous() : at::zeros_like(like);
}

/// The kernels over rows of this width; null where they do not apply.
const Passes* over_rows(const at::Tensor& x);
/// y: the norm of x; scales: one for each row.
void norm_forward(const at::Tensor& x, const at::Tensor& y, const at::Tensor& scales);
/// The gradient of x: gs, that of s, may be undefined.
at::Tensor norm_backward(const at::Tensor& gs, const at::Tensor& gy, const at::Tensor& y,
                         const at::Tensor& scales);

}  // namespace autoresearch::kernels

#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

// Operations of ops.h on the CPU in fp32, vectorised by hand. Differentiable. Each returns nothing where it
// does not apply, and then the plain expression of ops.cpp does the work.

namespace autoresearch::cpu {

using at::Tensor;

std::optional<Tensor> rms_norm(const Tensor& x);
std::optional<Tensor> relu_squared(const Tensor& x);
std::optional<Tensor> scaled_sum(const Tensor& a, const Tensor& x, const Tensor& b, const Tensor& x0);
std::optional<Tensor> rotary_norm(const Tensor& x, const Tensor& cos, const Tensor& sin);

}  // namespace autoresearch::cpu

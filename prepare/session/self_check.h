#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>

#include "autoresearch/ops.h"

namespace autoresearch {

using Attention = std::function<at::Tensor(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                           std::int64_t window)>;

/// Looks for the ways in which devices were seen to compute wrong without an error: long sums, matmuls that
/// differ from call to call, attention that sees later tokens (with and without gradients, in the types and
/// head widths that a trainer uses), and a small training step against the plain one of the CPU. Takes a
/// fraction of a second. Returns what is wrong, in a few words, or nothing. `attention` is a parameter for
/// the tests.
std::string self_check(at::Device device, const Attention& attention = causal_attention);

}  // namespace autoresearch

#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>

#include "prepare/kernels/matmul.h"
#include "prepare/kernels/simd.h"

// What the kernels over rows of fp32 on the CPU share.
namespace autoresearch::kernels {

/// Whether they are for this tensor: fp32 on the CPU, with rows of whole registers.
inline bool fused(const at::Tensor& x) {
    return !plain_path() && x.is_cpu() && x.scalar_type() == at::kFloat && x.size(-1) % 16 == 0;
}

inline const float* in(const at::Tensor& t) {
    return t.const_data_ptr<float>();
}
inline float* out(const at::Tensor& t) {
    return t.mutable_data_ptr<float>();
}

/// Calls body(V{}, first, last) for slices of `rows` rows of `width` elements, on all threads; the body is
/// always inlined and captures by value (simd.h).
template <class Body>
void for_rows(std::int64_t rows, std::int64_t width, const Body& body) {
    constexpr std::int64_t kGrain = 16384;  // elements below which a second thread does not pay
    at::parallel_for(0, rows, std::max<std::int64_t>(1, kGrain / width),
                     [&](std::int64_t first, std::int64_t last) {
                         simd::dispatch([=](auto vec) AUTORESEARCH_INLINED { body(vec, first, last); });
                     });
}

template <class V>
AUTORESEARCH_INLINE float dot(const float* a, const float* b, std::int64_t width) {
    auto sum = V::splat(0);
    for (std::int64_t i = 0; i < width; i += V::kLanes) sum += V::load(a + i) * V::load(b + i);
    return V::sum(sum);
}

}  // namespace autoresearch::kernels

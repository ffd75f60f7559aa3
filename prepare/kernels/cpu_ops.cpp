#include "prepare/kernels/cpu_ops.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "prepare/kernels/rows.h"

namespace autoresearch::cpu {
namespace {

using kernels::dot, kernels::for_rows, kernels::fused, kernels::in, kernels::out;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr float kEps = std::numeric_limits<float>::epsilon();

/// Calls body(V{}, i) for every register of `numel` elements, on all threads.
template <class Body>
void for_registers(std::int64_t numel, const Body& body) {
    for_rows(numel / 16, 16, [=](auto vec, std::int64_t first, std::int64_t last) AUTORESEARCH_INLINED {
        for (std::int64_t i = 16 * first; i < 16 * last; i += decltype(vec)::kLanes) body(vec, i);
    });
}

struct RmsNorm : Function<RmsNorm> {
    static Tensor forward(AutogradContext* ctx, const Tensor& input) {
        const Tensor x = input.contiguous();
        const std::int64_t width = x.size(-1), rows = x.numel() / width;
        const Tensor y = at::empty_like(x), inverse = at::empty({rows}, x.options());
        const float* from = in(x);
        float *to = out(y), *scales = out(inverse);
        for_rows(rows, width, [=](auto vec, std::int64_t first, std::int64_t last) AUTORESEARCH_INLINED {
            using V = decltype(vec);
            for (std::int64_t r = first; r < last; ++r) {
                const float* row = from + r * width;
                const float scale = 1 / std::sqrt(dot<V>(row, row, width) / static_cast<float>(width) + kEps);
                for (std::int64_t i = 0; i < width; i += V::kLanes)
                    V::store(to + r * width + i, V::load(row + i) * scale);
                scales[r] = scale;
            }
        });
        ctx->save_for_backward({y, inverse});
        return y;
    }
    // With y = x s: dx = s (g - y mean(g y)).
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor grad = grads[0].contiguous(), dx = at::empty_like(grad);
        const std::int64_t width = grad.size(-1);
        const float *from = in(grad), *ys = in(saved[0]), *scales = in(saved[1]);
        float* to = out(dx);
        for_rows(grad.numel() / width, width,
                 [=](auto vec, std::int64_t first, std::int64_t last) AUTORESEARCH_INLINED {
                     using V = decltype(vec);
                     for (std::int64_t r = first; r < last; ++r) {
                         const float *g = from + r * width, *y = ys + r * width;
                         const float mean = dot<V>(g, y, width) / static_cast<float>(width);
                         for (std::int64_t i = 0; i < width; i += V::kLanes)
                             V::store(to + r * width + i,
                                      (V::load(g + i) - V::load(y + i) * mean) * scales[r]);
                     }
                 });
        return {dx};
    }
};

struct ReluSquared : Function<ReluSquared> {
    static Tensor forward(AutogradContext* ctx, const Tensor& input) {
        const Tensor x = input.contiguous(), y = at::empty_like(x);
        const float* from = in(x);
        float* to = out(y);
        for_registers(x.numel(), [=](auto vec, std::int64_t i) AUTORESEARCH_INLINED {
            using V = decltype(vec);
            const auto v = V::load(from + i);
            V::store(to + i, v < 0 ? V::splat(0) : v * v);
        });
        ctx->save_for_backward({x});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const Tensor x = ctx->get_saved_variables()[0], grad = grads[0].contiguous(), dx = at::empty_like(x);
        const float *from = in(x), *g = in(grad);
        float* to = out(dx);
        for_registers(x.numel(), [=](auto vec, std::int64_t i) AUTORESEARCH_INLINED {
            using V = decltype(vec);
            const auto v = V::load(from + i);
            V::store(to + i, v < 0 ? V::splat(0) : 2 * v * V::load(g + i));
        });
        return {dx};
    }
};

struct ScaledSum : Function<ScaledSum> {
    static Tensor forward(AutogradContext* ctx, const Tensor& a, const Tensor& input, const Tensor& b,
                          const Tensor& input0) {
        const Tensor x = input.contiguous(), x0 = input0.contiguous(), y = at::empty_like(x);
        const float av = a.item<float>(), bv = b.item<float>(), *from = in(x), *from0 = in(x0);
        float* to = out(y);
        for_registers(y.numel(), [=](auto vec, std::int64_t i) AUTORESEARCH_INLINED {
            using V = decltype(vec);
            V::store(to + i, V::load(from + i) * av + V::load(from0 + i) * bv);
        });
        ctx->save_for_backward({a, x, b, x0});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor grad = grads[0].contiguous(), dx = at::empty_like(grad), dx0 = at::empty_like(grad);
        const float av = saved[0].item<float>(), bv = saved[2].item<float>();
        const float *g = in(grad), *x = in(saved[1]), *x0 = in(saved[3]);
        float *to = out(dx), *to0 = out(dx0);
        // One sum per fixed-size slice, added in order in double: the same whichever thread did it.
        constexpr std::int64_t kSlice = 1024;
        const std::int64_t numel = grad.numel(), slices = (numel + kSlice - 1) / kSlice;
        std::vector<float> da(static_cast<std::size_t>(slices)), db(da.size());
        float *a_sums = da.data(), *b_sums = db.data();
        for_rows(slices, kSlice, [=](auto vec, std::int64_t first, std::int64_t last) AUTORESEARCH_INLINED {
            using V = decltype(vec);
            for (std::int64_t s = first; s < last; ++s) {
                auto a_sum = V::splat(0), b_sum = V::splat(0);
                for (std::int64_t i = s * kSlice; i < std::min(numel, (s + 1) * kSlice); i += V::kLanes) {
                    const auto v = V::load(g + i);
                    a_sum += v * V::load(x + i);
                    b_sum += v * V::load(x0 + i);
                    V::store(to + i, v * av);
                    V::store(to0 + i, v * bv);
                }
                a_sums[s] = V::sum(a_sum);
                b_sums[s] = V::sum(b_sum);
            }
        });
        const auto scalar = [&](const std::vector<float>& sums) {
            return at::full({}, std::accumulate(sums.begin(), sums.end(), 0.0), grad.options());
        };
        return {scalar(da), dx, scalar(db), dx0};
    }
};

struct RotaryNorm : Function<RotaryNorm> {
    static Tensor forward(AutogradContext* ctx, const Tensor& input, const Tensor& cos, const Tensor& sin) {
        const std::int64_t B = input.size(0), T = input.size(1), H = input.size(2), D = input.size(3);
        const bool heads_dense = input.stride(3) == 1 && input.stride(2) == D;
        const Tensor x = heads_dense ? input : input.contiguous();
        const Tensor y = at::empty({B, T, H, D}, x.options()), inverse = at::empty({B, T, H}, x.options());
        const std::int64_t row_stride = x.stride(0), token_stride = x.stride(1), half = D / 2;
        const float *from = in(x), *cosines = in(cos), *sines = in(sin);
        float *to = out(y), *scales = out(inverse);
        for_rows(B * T, H * D, [=](auto vec, std::int64_t first, std::int64_t last) AUTORESEARCH_INLINED {
            using V = decltype(vec);
            for (std::int64_t i = H * first; i < H * last; ++i) {  // i: one head of one token
                const std::int64_t t = i / H % T;
                const float* x1 = from + i / H / T * row_stride + t * token_stride + i % H * D;
                float* y1 = to + i * D;
                auto squares = V::splat(0);
                for (std::int64_t j = 0; j < half; j += V::kLanes) {
                    const auto c = V::load(cosines + t * half + j), s = V::load(sines + t * half + j);
                    const auto a = V::load(x1 + j), b = V::load(x1 + half + j);
                    const auto p = a * c + b * s, q = b * c - a * s;
                    squares += p * p + q * q;
                    V::store(y1 + j, p);
                    V::store(y1 + half + j, q);
                }
                const float scale = 1 / std::sqrt(V::sum(squares) / static_cast<float>(D) + kEps);
                for (std::int64_t j = 0; j < D; j += V::kLanes) V::store(y1 + j, V::load(y1 + j) * scale);
                scales[i] = scale;
            }
        });
        ctx->save_for_backward({y, inverse, cos, sin});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor grad = grads[0].contiguous(), dx = at::empty_like(grad);
        const std::int64_t T = grad.size(1), H = grad.size(2), D = grad.size(3), half = D / 2;
        const float *from = in(grad), *ys = in(saved[0]), *scales = in(saved[1]), *cosines = in(saved[2]),
                    *sines = in(saved[3]);
        float* to = out(dx);
        for_rows(grad.size(0) * T, H * D,
                 [=](auto vec, std::int64_t first, std::int64_t last) AUTORESEARCH_INLINED {
                     using V = decltype(vec);
                     for (std::int64_t i = H * first; i < H * last; ++i) {
                         const float *g = from + i * D, *y = ys + i * D;
                         const float mean = dot<V>(g, y, D) / static_cast<float>(D);
                         for (std::int64_t j = 0; j < half; j += V::kLanes) {
                             const std::int64_t angle = i / H % T * half + j;
                             const auto c = V::load(cosines + angle), s = V::load(sines + angle);
                             const auto p = (V::load(g + j) - V::load(y + j) * mean) * scales[i];
                             const auto q =
                                 (V::load(g + half + j) - V::load(y + half + j) * mean) * scales[i];
                             V::store(to + i * D + j, p * c - q * s);
                             V::store(to + i * D + half + j, p * s + q * c);
                         }
                     }
                 });
        return {dx, Tensor(), Tensor()};
    }
};

}  // namespace

std::optional<Tensor> rms_norm(const Tensor& x) {
    return fused(x) ? std::optional(Tensor(RmsNorm::apply(x))) : std::nullopt;
}

std::optional<Tensor> relu_squared(const Tensor& x) {
    return fused(x) ? std::optional(Tensor(ReluSquared::apply(x))) : std::nullopt;
}

std::optional<Tensor> scaled_sum(const Tensor& a, const Tensor& x, const Tensor& b, const Tensor& x0) {
    if (!fused(x) || !fused(x0)) return std::nullopt;
    return Tensor(ScaledSum::apply(a, x, b, x0));
}

std::optional<Tensor> rotary_norm(const Tensor& x, const Tensor& cos, const Tensor& sin) {
    if (!fused(x) || x.size(3) % 32 != 0) return std::nullopt;
    return Tensor(RotaryNorm::apply(x, cos.contiguous(), sin.contiguous()));
}

}  // namespace autoresearch::cpu

#include "autoresearch/ops.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

#include "prepare/session/simd.h"

namespace autoresearch {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr float kEps = std::numeric_limits<float>::epsilon();
constexpr double kLargestFusedSoftcap = 40;  // e^(2 * 40) is within a float: no pass for the maximum
constexpr std::int64_t kSmallestBlock = 64;  // of a window: less is too small for a matmul
constexpr std::int64_t kGrain = 16384;       // elements below which a second thread does not pay

/// The kernels here are for fp32 on the CPU, with rows of whole registers.
bool fused(const Tensor& x) {
    return !simd::plain_path() && x.is_cpu() && x.scalar_type() == at::kFloat && x.size(-1) % 16 == 0;
}

const float* in(const Tensor& t) {
    return t.const_data_ptr<float>();
}
float* out(const Tensor& t) {
    return t.mutable_data_ptr<float>();
}

/// Calls body(V{}, first, last) for slices of `rows` rows of `width` elements, on all threads; the body is
/// always inlined and captures by value (simd.h).
template <class Body>
void for_rows(std::int64_t rows, std::int64_t width, const Body& body) {
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

/// x (B, T, H, D) = [x1, x2] along D -> [x1 c + x2 s, x2 c - x1 s], dense; cos and sin (T, D/2). The way back
/// is the rotation by the opposite angle.
Tensor rotate(const Tensor& x, const Tensor& cos, const Tensor& sin, float direction) {
    const std::int64_t B = x.size(0), T = x.size(1), H = x.size(2), D = x.size(3), half = D / 2;
    const std::int64_t row_stride = x.stride(0), token_stride = x.stride(1);
    const Tensor y = at::empty({B, T, H, D}, x.options());
    const float *from = in(x), *cosines = in(cos), *sines = in(sin);
    float* to = out(y);
    for_rows(B * T, H * D, [=](auto vec, std::int64_t first, std::int64_t last) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        for (std::int64_t i = H * first; i < H * last; ++i) {  // i: one head of one token
            const std::int64_t t = i / H % T;
            const float* x1 = from + i / H / T * row_stride + t * token_stride + i % H * D;
            for (std::int64_t j = 0; j < half; j += V::kLanes) {
                const auto c = V::load(cosines + t * half + j), s = V::load(sines + t * half + j) * direction;
                const auto a = V::load(x1 + j), b = V::load(x1 + half + j);
                V::store(to + i * D + j, a * c + b * s);
                V::store(to + i * D + half + j, b * c - a * s);
            }
        }
    });
    return y;
}

struct Rotate : Function<Rotate> {
    static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& cos, const Tensor& sin) {
        ctx->save_for_backward({cos, sin});
        const bool heads_dense = x.stride(3) == 1 && x.stride(2) == x.size(3);
        return rotate(heads_dense ? x : x.contiguous(), cos, sin, 1);
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        return {rotate(grads[0].contiguous(), saved[0], saved[1], -1), Tensor(), Tensor()};
    }
};

/// Raw logits (rows, V) -> scale * d(loss)/d(raw), where loss is the cross-entropy of softcap * tanh(raw /
/// softcap); adds scale * the losses to `loss` (0-dim, on the device).
Tensor slice_gradient(const Tensor& raw, const Tensor& targets, double softcap, double scale, Tensor& loss) {
    const Tensor t = at::tanh(raw.to(at::kFloat) / softcap);
    const Tensor log_p = at::log_softmax(t * softcap, -1);
    const Tensor index = targets.unsqueeze(1);
    loss.sub_(log_p.gather(1, index).sum(), scale);
    Tensor p = log_p.exp();
    p.scatter_add_(1, index, at::full({1, 1}, -1.0, p.options()).expand_as(index));
    return p.mul_(scale).mul_(1 - t.square());
}

/// The same in place of the logits, in two passes over each row.
Tensor fused_slice_gradient(const Tensor& logits, const Tensor& targets, double softcap, double scale,
                            Tensor& loss) {
    const std::int64_t rows = logits.size(0), vocab = logits.size(1);
    const Tensor wanted = targets.contiguous();
    const std::int64_t* target = wanted.const_data_ptr<std::int64_t>();
    std::vector<double> losses(static_cast<std::size_t>(rows));  // in order: the same on any threads
    double* row_loss = losses.data();
    float* data = out(logits);
    const auto cap = static_cast<float>(softcap), factor = static_cast<float>(scale);
    for_rows(rows, vocab, [=](auto vec, std::int64_t first, std::int64_t last) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        std::vector<float> scratch(static_cast<std::size_t>(vocab));
        for (std::int64_t r = first; r < last; ++r) {
            float *row = data + r * vocab, *e = scratch.data();
            auto sum = V::splat(0);
            for (std::int64_t i = 0; i < vocab; i += V::kLanes) {
                const auto t = V::tanh(V::load(row + i) * (1 / cap));
                const auto x = V::exp((t - 1.0f) * cap);  // at most 1
                sum += x;
                V::store(row + i, t);
                V::store(e + i, x);
            }
            const float total = V::sum(sum), t = row[target[r]];
            row_loss[r] = std::log(static_cast<double>(total)) + static_cast<double>(cap) * (1 - t);
            for (std::int64_t i = 0; i < vocab; i += V::kLanes) {
                const auto u = V::load(row + i);
                V::store(row + i, V::load(e + i) * (factor / total) * (1.0f - u * u));
            }
            row[target[r]] -= factor * (1 - t * t);
        }
    });
    loss.add_(scale * std::accumulate(losses.begin(), losses.end(), 0.0));
    return logits;
}

struct HeadCrossEntropy : Function<HeadCrossEntropy> {
    static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& head, const Tensor& targets,
                          double softcap) {
        const std::int64_t rows = x.size(0);
        const std::int64_t slice = std::min(rows, x.is_cpu() ? std::int64_t{512} : std::int64_t{4096});
        const Tensor hidden = x.contiguous().detach(), weight = head.contiguous().detach();
        Tensor dx = at::empty_like(hidden), dhead = at::zeros_like(weight);
        Tensor loss = at::zeros({}, hidden.options().dtype(at::kFloat));
        for (std::int64_t first = 0; first < rows; first += slice) {
            const std::int64_t count = std::min(slice, rows - first);
            const Tensor part = hidden.narrow(0, first, count), wanted = targets.narrow(0, first, count);
            const Tensor raw = at::mm(part, weight.t());
            const auto gradient =
                fused(raw) && softcap <= kLargestFusedSoftcap ? fused_slice_gradient : slice_gradient;
            const Tensor grad = gradient(raw, wanted, softcap, 1.0 / static_cast<double>(rows), loss);
            dx.narrow(0, first, count).copy_(at::mm(grad, weight));
            dhead.add_(at::mm(grad.t(), part).to(dhead.scalar_type()));
        }
        ctx->save_for_backward({dx, dhead});
        return loss;
    }

    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const auto scaled = [&](const Tensor& t) { return t * grads[0].to(t.scalar_type()); };
        return {scaled(saved[0]), scaled(saved[1]), Tensor(), Tensor()};
    }
};

/// Blocks of queries as long as the window, each against its own keys and the window - 1 before them.
Tensor window_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window) {
    const std::int64_t T = q.size(2), block = std::max(window, kSmallestBlock);  // q, k, v: (B, H, T, D)
    std::vector<Tensor> blocks;
    for (std::int64_t first = 0; first < T; first += block) {
        const std::int64_t rows = std::min(block, T - first), before = std::min(first, window - 1);
        const std::int64_t columns = before + rows;
        const Tensor keys = k.narrow(2, first - before, columns),
                     values = v.narrow(2, first - before, columns);
        const bool plain = before == 0 && rows <= window;  // the window hides nothing here
        std::optional<Tensor> mask;
        if (!plain) {
            const Tensor all = at::ones({rows, columns}, q.options().dtype(at::kBool));
            mask = all.tril(before).triu(before + 1 - window);
        }
        blocks.push_back(
            at::scaled_dot_product_attention(q.narrow(2, first, rows), keys, values, mask, 0.0, plain));
    }
    return at::cat(blocks, 2);
}

}  // namespace

Tensor rms_norm(const Tensor& x) {
    if (fused(x)) return RmsNorm::apply(x);
    const Tensor wide = x.to(at::kFloat);
    return (wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + kEps)).to(x.scalar_type());
}

Tensor rotary_norm(const Tensor& x, const Tensor& cos, const Tensor& sin) {
    const std::int64_t half = x.size(3) / 2;
    if (fused(x) && half % 16 == 0)
        return RmsNorm::apply(Rotate::apply(x, cos.contiguous(), sin.contiguous()));
    const Tensor c = cos.unsqueeze(1).to(x.scalar_type()), s = sin.unsqueeze(1).to(x.scalar_type());
    const Tensor x1 = x.narrow(3, 0, half), x2 = x.narrow(3, half, half);  // c, s: (T, 1, D/2)
    return rms_norm(at::cat({x1 * c + x2 * s, x2 * c - x1 * s}, 3));
}

Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window) {
    const Tensor qh = q.transpose(1, 2), kh = k.transpose(1, 2), vh = v.transpose(1, 2);  // (B, H, T, D)
    const Tensor y = window >= q.size(1)
                         ? at::scaled_dot_product_attention(qh, kh, vh, {}, 0.0, /*is_causal=*/true)
                         : window_attention(qh, kh, vh, window);
    return y.transpose(1, 2);
}

Tensor head_cross_entropy(const Tensor& x, const Tensor& head, const Tensor& targets, double softcap) {
    return HeadCrossEntropy::apply(x, head, targets, softcap);
}

Bf16Autocast::Bf16Autocast(at::Device device, bool enabled) : type_(device.type()), enabled_(enabled) {
    if (!enabled_) return;
    was_enabled_ = at::autocast::is_autocast_enabled(type_);
    was_dtype_ = at::autocast::get_autocast_dtype(type_);
    at::autocast::set_autocast_enabled(type_, true);
    at::autocast::set_autocast_dtype(type_, at::kBFloat16);
    at::autocast::increment_nesting();
}

Bf16Autocast::~Bf16Autocast() {
    if (!enabled_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(type_, was_enabled_);
    at::autocast::set_autocast_dtype(type_, was_dtype_);
}

c10::ScalarType compute_type(at::Device device) {
    return at::autocast::is_autocast_enabled(device.type()) ? at::autocast::get_autocast_dtype(device.type())
                                                            : at::kFloat;
}

}  // namespace autoresearch

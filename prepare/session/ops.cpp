#include "autoresearch/ops.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>
#include <vector>

#include "prepare/session/kernels.h"

namespace autoresearch {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr double kEps = std::numeric_limits<float>::epsilon();
constexpr double kLargestFusedSoftcap = 40;
constexpr std::int64_t kGrain = 16384;  // elements below which a second thread does not pay

bool fused(const Tensor& x) {
    return x.is_cpu() && x.scalar_type() == at::kFloat && x.size(-1) % 16 == 0;
}

/// Calls body(first, last) for slices of `rows` rows of `width` elements, on all threads.
template <class Body>
void for_rows(std::int64_t rows, std::int64_t width, const Body& body) {
    at::parallel_for(0, rows, std::max<std::int64_t>(1, kGrain / width), body);
}

struct RmsNorm : Function<RmsNorm> {
    static Tensor forward(AutogradContext* ctx, const Tensor& input) {
        const Tensor x = input.contiguous();
        const std::int64_t width = x.size(-1), rows = x.numel() / width;
        Tensor y = at::empty_like(x), inverse = at::empty({rows}, x.options());
        const float* from = x.const_data_ptr<float>();
        float *to = y.data_ptr<float>(), *inv = inverse.data_ptr<float>();
        for_rows(rows, width, [&](std::int64_t first, std::int64_t last) {
            kernels::rms_norm(from + first * width, last - first, static_cast<int>(width), to + first * width,
                              inv + first);
        });
        ctx->save_for_backward({y, inverse});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor g = grads[0].contiguous();
        const std::int64_t width = g.size(-1), rows = g.numel() / width;
        Tensor dx = at::empty_like(g);
        const float *grad = g.const_data_ptr<float>(), *y = saved[0].const_data_ptr<float>();
        const float* inv = saved[1].const_data_ptr<float>();
        float* to = dx.data_ptr<float>();
        for_rows(rows, width, [&](std::int64_t first, std::int64_t last) {
            const std::int64_t at = first * width;
            kernels::rms_norm_backward(grad + at, y + at, inv + first, last - first, static_cast<int>(width),
                                       to + at);
        });
        return {dx};
    }
};

struct ReluSquared : Function<ReluSquared> {
    static Tensor forward(AutogradContext* ctx, const Tensor& input) {
        const Tensor x = input.contiguous();
        Tensor y = at::empty_like(x);
        const float* from = x.const_data_ptr<float>();
        float* to = y.data_ptr<float>();
        for_rows(x.numel() / 16, 16, [&](std::int64_t first, std::int64_t last) {
            kernels::relu_squared(from + first * 16, (last - first) * 16, to + first * 16);
        });
        ctx->save_for_backward({x});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const Tensor x = ctx->get_saved_variables()[0], g = grads[0].contiguous();
        Tensor dx = at::empty_like(x);
        const float *from = x.const_data_ptr<float>(), *grad = g.const_data_ptr<float>();
        float* to = dx.data_ptr<float>();
        for_rows(x.numel() / 16, 16, [&](std::int64_t first, std::int64_t last) {
            const std::int64_t at = first * 16;
            kernels::relu_squared_backward(grad + at, from + at, (last - first) * 16, to + at);
        });
        return {dx};
    }
};

struct ScaledSum : Function<ScaledSum> {
    static Tensor forward(AutogradContext* ctx, const Tensor& a, const Tensor& x, const Tensor& b,
                          const Tensor& x0) {
        const Tensor px = x.contiguous(), px0 = x0.contiguous();
        Tensor y = at::empty_like(px);
        const float av = a.item<float>(), bv = b.item<float>();
        const float *from = px.const_data_ptr<float>(), *from0 = px0.const_data_ptr<float>();
        float* to = y.data_ptr<float>();
        for_rows(y.numel() / 16, 16, [&](std::int64_t first, std::int64_t last) {
            const std::int64_t at = first * 16;
            kernels::scaled_sum(av, from + at, bv, from0 + at, (last - first) * 16, to + at);
        });
        ctx->save_for_backward({a, px, b, px0});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor g = grads[0].contiguous();
        Tensor dx = at::empty_like(g), dx0 = at::empty_like(g);
        const float av = saved[0].item<float>(), bv = saved[2].item<float>();
        const float *x = saved[1].const_data_ptr<float>(), *x0 = saved[3].const_data_ptr<float>();
        const float* grad = g.const_data_ptr<float>();
        float *to = dx.data_ptr<float>(), *to0 = dx0.data_ptr<float>();
        // One sum for each slice of fixed size, added up in order: the same result whatever thread did which.
        constexpr std::int64_t kSlice = 32768;
        const std::int64_t slices = (g.numel() + kSlice - 1) / kSlice;
        std::vector<double> sums(2 * static_cast<std::size_t>(slices));
        at::parallel_for(0, slices, 1, [&](std::int64_t first, std::int64_t last) {
            for (std::int64_t i = first; i < last; ++i) {
                const std::int64_t at = i * kSlice, count = std::min(kSlice, g.numel() - at);
                kernels::scaled_sum_backward(av, x + at, bv, x0 + at, grad + at, count, to + at, to0 + at,
                                             &sums[2 * static_cast<std::size_t>(i)]);
            }
        });
        double da = 0, db = 0;
        for (std::size_t i = 0; i < sums.size(); i += 2) da += sums[i], db += sums[i + 1];
        return {at::full({}, da, g.options()), dx, at::full({}, db, g.options()), dx0};
    }
};

struct RotaryNorm : Function<RotaryNorm> {
    static Tensor forward(AutogradContext* ctx, const Tensor& input, const Tensor& cos, const Tensor& sin) {
        const std::int64_t B = input.size(0), T = input.size(1), H = input.size(2), D = input.size(3);
        const bool heads_dense = input.stride(3) == 1 && input.stride(2) == D;
        const Tensor x = heads_dense ? input : input.contiguous();
        Tensor y = at::empty({B, T, H, D}, x.options()), inverse = at::empty({B, T, H}, x.options());
        const float *from = x.const_data_ptr<float>(), *c = cos.const_data_ptr<float>(),
                    *s = sin.const_data_ptr<float>();
        float *to = y.data_ptr<float>(), *inv = inverse.data_ptr<float>();
        for_rows(B * T, H * D, [&](std::int64_t first, std::int64_t last) {
            for (std::int64_t i = first; i < last; ++i) {
                const std::int64_t t = i % T;
                kernels::rotary_norm(from + (i / T) * x.stride(0) + t * x.stride(1), c + t * D / 2,
                                     s + t * D / 2, static_cast<int>(H), static_cast<int>(D), to + i * H * D,
                                     inv + i * H);
            }
        });
        ctx->save_for_backward({y, inverse, cos, sin});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor g = grads[0].contiguous();
        const std::int64_t T = g.size(1), H = g.size(2), D = g.size(3);
        Tensor dx = at::empty_like(g);
        const float *grad = g.const_data_ptr<float>(), *y = saved[0].const_data_ptr<float>();
        const float *inv = saved[1].const_data_ptr<float>(), *c = saved[2].const_data_ptr<float>();
        const float* s = saved[3].const_data_ptr<float>();
        float* to = dx.data_ptr<float>();
        for_rows(g.size(0) * T, H * D, [&](std::int64_t first, std::int64_t last) {
            for (std::int64_t i = first; i < last; ++i) {
                const std::int64_t t = i % T, at = i * H * D;
                kernels::rotary_norm_backward(grad + at, y + at, inv + i * H, c + t * D / 2, s + t * D / 2,
                                              static_cast<int>(H), static_cast<int>(D), to + at);
            }
        });
        return {dx, Tensor(), Tensor()};
    }
};

/// Raw logits of a slice -> their gradient, times scale; adds the losses to `loss` (0-dim, on the device).
Tensor slice_gradient(const Tensor& raw, const Tensor& targets, double softcap, double scale, Tensor& loss) {
    const Tensor t = at::tanh(raw.to(at::kFloat) / softcap);
    const Tensor log_p = at::log_softmax(t * softcap, -1);
    const Tensor index = targets.unsqueeze(1);
    loss.sub_(log_p.gather(1, index).sum(), scale);
    Tensor p = log_p.exp();
    p.scatter_add_(1, index, at::full({1, 1}, -1.0, p.options()).expand_as(index));
    return p.mul_(scale).mul_(1 - t.square());
}

struct HeadCrossEntropy : Function<HeadCrossEntropy> {
    static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& head, const Tensor& targets,
                          double softcap) {
        const std::int64_t rows = x.size(0), vocab = head.size(0);
        const std::int64_t slice = std::min(rows, x.is_cpu() ? std::int64_t{512} : std::int64_t{4096});
        const double scale = 1.0 / static_cast<double>(rows);
        const bool on_cpu = fused(x) && fused(head) && vocab % 16 == 0 && softcap <= kLargestFusedSoftcap;
        const Tensor hidden = x.contiguous().detach(), weight = head.contiguous().detach();
        Tensor dx = at::empty_like(hidden), dhead = at::zeros_like(weight);
        Tensor loss = at::zeros({}, hidden.options().dtype(at::kFloat));
        Tensor buffer = on_cpu ? at::empty({slice, vocab}, hidden.options()) : Tensor();
        double cpu_loss = 0;
        for (std::int64_t first = 0; first < rows; first += slice) {
            const std::int64_t count = std::min(slice, rows - first);
            const Tensor part = hidden.narrow(0, first, count), wanted = targets.narrow(0, first, count);
            Tensor dx_part = dx.narrow(0, first, count);
            if (on_cpu) {
                Tensor grad = buffer.narrow(0, 0, count);
                at::mm_out(grad, part, weight.t());
                cpu_loss += fused_slice(grad, wanted, softcap, scale);
                at::mm_out(dx_part, grad, weight);
                dhead.addmm_(grad.t(), part);
            } else {
                const Tensor grad = slice_gradient(at::mm(part, weight.t()), wanted, softcap, scale, loss);
                dx_part.copy_(at::mm(grad, weight));
                dhead.add_(at::mm(grad.t(), part));
            }
        }
        if (on_cpu) loss.fill_(cpu_loss * scale);
        ctx->save_for_backward({dx, dhead});
        return loss;
    }

    static double fused_slice(Tensor& logits, const Tensor& targets, double softcap, double scale) {
        const std::int64_t rows = logits.size(0), vocab = logits.size(1);
        const Tensor wanted = targets.contiguous();
        float* data = logits.data_ptr<float>();
        const std::int64_t* target = wanted.const_data_ptr<std::int64_t>();
        std::vector<double> losses(
            static_cast<std::size_t>(rows));  // by row: the sum does not depend on the threads
        for_rows(rows, vocab, [&](std::int64_t first, std::int64_t last) {
            std::vector<float> scratch(static_cast<std::size_t>(vocab));
            for (std::int64_t r = first; r < last; ++r) {
                kernels::softcap_cross_entropy(data + r * vocab, 1, static_cast<int>(vocab), target + r,
                                               static_cast<float>(softcap), static_cast<float>(scale),
                                               scratch.data(), &losses[static_cast<std::size_t>(r)]);
            }
        });
        double sum = 0;
        for (const double loss : losses) sum += loss;
        return sum;
    }

    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        return {saved[0] * grads[0], saved[1] * grads[0], Tensor(), Tensor()};
    }
};

}  // namespace

Tensor rms_norm(const Tensor& x) {
    if (fused(x)) return RmsNorm::apply(x);
    const Tensor wide = x.to(at::kFloat);
    return (wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + kEps)).to(x.scalar_type());
}

Tensor relu_squared(const Tensor& x) {
    return fused(x) ? ReluSquared::apply(x) : at::relu(x).square();
}

Tensor scaled_sum(const Tensor& a, const Tensor& x, const Tensor& b, const Tensor& x0) {
    if (fused(x) && fused(x0)) return ScaledSum::apply(a, x, b, x0);
    return a * x + b * x0;
}

Tensor rotary_norm(const Tensor& x, const Tensor& cos, const Tensor& sin) {
    const std::int64_t half = x.size(3) / 2;
    if (fused(x) && half % 16 == 0) return RotaryNorm::apply(x, cos.contiguous(), sin.contiguous());
    const Tensor c = cos.unsqueeze(1), s = sin.unsqueeze(1);  // (T, 1, D/2)
    const Tensor x1 = x.narrow(3, 0, half), x2 = x.narrow(3, half, half);
    return rms_norm(at::cat({x1 * c + x2 * s, x2 * c - x1 * s}, 3));
}

Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window) {
    const std::int64_t T = q.size(1);
    const Tensor qh = q.transpose(1, 2), kh = k.transpose(1, 2), vh = v.transpose(1, 2);  // (B, H, T, D)
    if (window >= T) {
        return at::scaled_dot_product_attention(qh, kh, vh, {}, /*dropout_p=*/0.0, /*is_causal=*/true)
            .transpose(1, 2);
    }
    const Tensor mask = at::ones({T, T}, q.options().dtype(at::kBool)).tril().triu(1 - window);
    return at::scaled_dot_product_attention(qh, kh, vh, mask).transpose(1, 2);
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

}  // namespace autoresearch

#include "autoresearch/ops.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>
#include <optional>
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
constexpr std::int64_t kSmallestBlock = 64;  // of attention in a window: less is too small for a matmul
constexpr std::int64_t kGrain = 16384;       // elements below which a second thread does not pay

bool fused(const Tensor& x) {
    return !kernels::plain_path() && x.is_cpu() && x.scalar_type() == at::kFloat && x.size(-1) % 16 == 0;
}

const float* in(const Tensor& t) {
    return t.const_data_ptr<float>();
}
float* out(const Tensor& t) {
    return t.mutable_data_ptr<float>();
}

/// Calls body(first, last) for slices of `rows` rows of `width` elements, on all threads.
template <class Body>
void for_rows(std::int64_t rows, std::int64_t width, const Body& body) {
    at::parallel_for(0, rows, std::max<std::int64_t>(1, kGrain / width), body);
}

/// Calls body(at, count) for slices of whole registers of `numel` elements, on all threads.
template <class Body>
void for_elements(std::int64_t numel, const Body& body) {
    for_rows(numel / 16, 16,
             [&](std::int64_t first, std::int64_t last) { body(first * 16, (last - first) * 16); });
}

struct RmsNorm : Function<RmsNorm> {
    static Tensor forward(AutogradContext* ctx, const Tensor& input) {
        const Tensor x = input.contiguous();
        const std::int64_t width = x.size(-1), rows = x.numel() / width;
        const Tensor y = at::empty_like(x), inverse = at::empty({rows}, x.options());
        for_rows(rows, width, [&](std::int64_t first, std::int64_t last) {
            kernels::rms_norm(in(x) + first * width, last - first, static_cast<int>(width),
                              out(y) + first * width, out(inverse) + first);
        });
        ctx->save_for_backward({y, inverse});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor g = grads[0].contiguous(), dx = at::empty_like(g);
        const std::int64_t width = g.size(-1);
        for_rows(g.numel() / width, width, [&](std::int64_t first, std::int64_t last) {
            const std::int64_t at = first * width;
            kernels::rms_norm_backward(in(g) + at, in(saved[0]) + at, in(saved[1]) + first, last - first,
                                       static_cast<int>(width), out(dx) + at);
        });
        return {dx};
    }
};

struct ReluSquared : Function<ReluSquared> {
    static Tensor forward(AutogradContext* ctx, const Tensor& input) {
        const Tensor x = input.contiguous(), y = at::empty_like(x);
        for_elements(x.numel(), [&](std::int64_t at, std::int64_t count) {
            kernels::relu_squared(in(x) + at, count, out(y) + at);
        });
        ctx->save_for_backward({x});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const Tensor x = ctx->get_saved_variables()[0], g = grads[0].contiguous(), dx = at::empty_like(x);
        for_elements(x.numel(), [&](std::int64_t at, std::int64_t count) {
            kernels::relu_squared_backward(in(g) + at, in(x) + at, count, out(dx) + at);
        });
        return {dx};
    }
};

struct ScaledSum : Function<ScaledSum> {
    static Tensor forward(AutogradContext* ctx, const Tensor& a, const Tensor& input, const Tensor& b,
                          const Tensor& input0) {
        const Tensor x = input.contiguous(), x0 = input0.contiguous(), y = at::empty_like(x);
        const float av = a.item<float>(), bv = b.item<float>();
        for_elements(y.numel(), [&](std::int64_t at, std::int64_t count) {
            kernels::scaled_sum(av, in(x) + at, bv, in(x0) + at, count, out(y) + at);
        });
        ctx->save_for_backward({a, x, b, x0});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor &x = saved[1], &x0 = saved[3];
        const Tensor g = grads[0].contiguous(), dx = at::empty_like(g), dx0 = at::empty_like(g);
        const float av = saved[0].item<float>(), bv = saved[2].item<float>();
        // One sum for each slice of fixed size, added up in order: the same result whatever thread did which.
        constexpr std::int64_t kSlice = 32768;
        const std::int64_t slices = (g.numel() + kSlice - 1) / kSlice;
        std::vector<double> sums(2 * static_cast<std::size_t>(slices));
        at::parallel_for(0, slices, 1, [&](std::int64_t first, std::int64_t last) {
            for (std::int64_t i = first; i < last; ++i) {
                const std::int64_t at = i * kSlice, count = std::min(kSlice, g.numel() - at);
                kernels::scaled_sum_backward(av, in(x) + at, bv, in(x0) + at, in(g) + at, count, out(dx) + at,
                                             out(dx0) + at, &sums[2 * static_cast<std::size_t>(i)]);
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
        const Tensor y = at::empty({B, T, H, D}, x.options()), inverse = at::empty({B, T, H}, x.options());
        for_rows(B * T, H * D, [&](std::int64_t first, std::int64_t last) {
            for (std::int64_t i = first; i < last; ++i) {
                const std::int64_t t = i % T;
                kernels::rotary_norm(in(x) + (i / T) * x.stride(0) + t * x.stride(1), in(cos) + t * D / 2,
                                     in(sin) + t * D / 2, static_cast<int>(H), static_cast<int>(D),
                                     out(y) + i * H * D, out(inverse) + i * H);
            }
        });
        ctx->save_for_backward({y, inverse, cos, sin});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor g = grads[0].contiguous(), dx = at::empty_like(g);
        const std::int64_t T = g.size(1), H = g.size(2), D = g.size(3);
        for_rows(g.size(0) * T, H * D, [&](std::int64_t first, std::int64_t last) {
            for (std::int64_t i = first; i < last; ++i) {
                const std::int64_t at = i * H * D, angle = (i % T) * D / 2;
                kernels::rotary_norm_backward(in(g) + at, in(saved[0]) + at, in(saved[1]) + i * H,
                                              in(saved[2]) + angle, in(saved[3]) + angle, static_cast<int>(H),
                                              static_cast<int>(D), out(dx) + at);
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
                dhead.add_(at::mm(grad.t(), part).to(dhead.scalar_type()));
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
                kernels::softcap_cross_entropy(data + r * vocab, static_cast<int>(vocab), target[r],
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
        const auto scaled = [&](const Tensor& t) { return t * grads[0].to(t.scalar_type()); };
        return {scaled(saved[0]), scaled(saved[1]), Tensor(), Tensor()};
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
    return a.to(x.scalar_type()) * x + b.to(x.scalar_type()) * x0;
}

Tensor rotary_norm(const Tensor& x, const Tensor& cos, const Tensor& sin) {
    const std::int64_t half = x.size(3) / 2;
    if (fused(x) && half % 16 == 0) return RotaryNorm::apply(x, cos.contiguous(), sin.contiguous());
    const Tensor c = cos.unsqueeze(1).to(x.scalar_type()), s = sin.unsqueeze(1).to(x.scalar_type());
    const Tensor x1 = x.narrow(3, 0, half), x2 = x.narrow(3, half, half);  // c, s: (T, 1, D/2)
    return rms_norm(at::cat({x1 * c + x2 * s, x2 * c - x1 * s}, 3));
}

Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window) {
    const std::int64_t T = q.size(1), block = std::max(window, kSmallestBlock);
    const Tensor qh = q.transpose(1, 2), kh = k.transpose(1, 2), vh = v.transpose(1, 2);  // (B, H, T, D)
    if (window >= T)
        return at::scaled_dot_product_attention(qh, kh, vh, {}, 0.0, /*is_causal=*/true).transpose(1, 2);
    // Blocks of queries, each against its own keys and the window - 1 before them.
    std::vector<Tensor> blocks;
    for (std::int64_t first = 0; first < T; first += block) {
        const std::int64_t rows = std::min(block, T - first), before = std::min(first, window - 1);
        const std::int64_t from = first - before, columns = before + rows;
        const Tensor queries = qh.narrow(2, first, rows);
        const Tensor keys = kh.narrow(2, from, columns), values = vh.narrow(2, from, columns);
        const bool plain = before == 0 && rows <= window;  // the window hides nothing here
        std::optional<Tensor> mask;
        if (!plain) {
            const Tensor all = at::ones({rows, columns}, q.options().dtype(at::kBool));
            mask = all.tril(before).triu(before + 1 - window);
        }
        blocks.push_back(at::scaled_dot_product_attention(queries, keys, values, mask, 0.0, plain));
    }
    return at::cat(blocks, 2).transpose(1, 2);
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

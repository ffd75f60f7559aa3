#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "autoresearch/ops.h"
#include "prepare/kernels/gpu_ops.h"
#include "prepare/kernels/rows.h"

namespace autoresearch {
namespace {

using at::Tensor;
using kernels::for_rows, kernels::fused, kernels::out;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr std::int64_t kGpuSlice = 512 << 20;  // bytes of logits, which the forecast allows for
constexpr double kLargestFusedSoftcap = 40;    // e^(2 * 40) is within a float: no pass for the maximum

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
        const bool on_gpu = targets.scalar_type() == at::kLong && gpu::has_cross_entropy(x, vocab, softcap);
        const std::int64_t slice =
            std::min<std::int64_t>(rows, x.is_cpu() ? 512
                                         : on_gpu   ? kGpuSlice / vocab / x.element_size()
                                                    : 4096);
        const double scale = 1.0 / static_cast<double>(rows);
        const bool on_cpu = fused(x) && fused(head) && vocab % 16 == 0 && softcap <= kLargestFusedSoftcap;
        const Tensor hidden = x.contiguous().detach(), weight = head.contiguous().detach();
        Tensor dx = at::empty_like(hidden), dhead = at::zeros_like(weight);
        Tensor loss = at::zeros({}, hidden.options().dtype(at::kFloat));
        Tensor buffer = on_cpu ? at::empty({slice, vocab}, hidden.options()) : Tensor();
        const Tensor losses = on_gpu ? at::empty({rows}, loss.options()) : Tensor();
        double cpu_loss = 0;
        for (std::int64_t first = 0; first < rows; first += slice) {
            const std::int64_t count = std::min(slice, rows - first);
            const Tensor part = hidden.narrow(0, first, count), wanted = targets.narrow(0, first, count);
            Tensor dx_part = dx.narrow(0, first, count);
            if (on_cpu) {
                Tensor grad = buffer.narrow(0, 0, count);
                multiply(part, weight.t(), 1, 0, grad);
                cpu_loss += fused_slice(grad, wanted, softcap, scale);
                multiply(grad, weight, 1, 0, dx_part);
                multiply(grad.t(), part, 1, 1, dhead);
            } else {
                Tensor grad = at::mm(part, weight.t());
                if (on_gpu)
                    gpu::cross_entropy(grad, wanted.contiguous(), losses.narrow(0, first, count), softcap,
                                       scale);
                else
                    grad = slice_gradient(grad, wanted, softcap, scale, loss);
                dx_part.copy_(at::mm(grad, weight));
                dhead.add_(at::mm(grad.t(), part).to(dhead.scalar_type()));
            }
        }
        if (on_cpu) loss.fill_(cpu_loss * scale);
        if (on_gpu) loss.add_(losses.sum(), scale);
        ctx->save_for_backward({dx, dhead});
        return loss;
    }

    /// Raw logits -> scale * d(loss)/d(raw), in place, where loss = cross-entropy of softcap * tanh(raw /
    /// softcap); returns the sum of the losses.
    static double fused_slice(Tensor& logits, const Tensor& targets, double softcap, double scale) {
        const std::int64_t rows = logits.size(0), vocab = logits.size(1);
        const Tensor wanted = targets.contiguous();
        const std::int64_t* target = wanted.const_data_ptr<std::int64_t>();
        std::vector<double> losses(static_cast<std::size_t>(rows));  // in order: the same on any threads
        double* loss = losses.data();
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
                loss[r] = std::log(static_cast<double>(total)) + static_cast<double>(cap) * (1 - t);
                for (std::int64_t i = 0; i < vocab; i += V::kLanes) {
                    const auto u = V::load(row + i);
                    V::store(row + i, V::load(e + i) * (factor / total) * (1.0f - u * u));
                }
                row[target[r]] -= factor * (1 - t * t);
            }
        });
        return std::accumulate(losses.begin(), losses.end(), 0.0);
    }

    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const auto scaled = [&](const Tensor& t) { return t * grads[0].to(t.scalar_type()); };
        return {scaled(saved[0]), scaled(saved[1]), Tensor(), Tensor()};
    }
};

}  // namespace

Tensor head_cross_entropy(const Tensor& x, const Tensor& head, const Tensor& targets, double softcap) {
    return HeadCrossEntropy::apply(x, head, targets, softcap);
}

}  // namespace autoresearch

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include <stdexcept>

#include "autoresearch/ops.h"
#include "prepare/kernels/cudnn.h"
#include "prepare/kernels/gpu.h"
#include "prepare/kernels/gpu_ops.h"

// Operations of matmuls: attention and the MLP.
namespace autoresearch::gpu {
namespace {

using kernels::blocks_for, kernels::floats, kernels::given, kernels::Index, kernels::kThreads,
    kernels::norm_backward, kernels::norm_forward, kernels::out, kernels::over_rows, kernels::Passes;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// How FlashAttention wants a window: nothing for the whole context.
std::pair<std::optional<std::int64_t>, std::optional<std::int64_t>> flash_window(std::int64_t window,
                                                                                 std::int64_t length) {
    if (window >= length) return {};
    return {window - 1, 0};
}

struct Attention : Function<Attention> {
    static Tensor forward(AutogradContext* ctx, const Tensor& q, const Tensor& k, const Tensor& v,
                          std::int64_t window) {
        const std::int64_t B = q.size(0), T = q.size(1), H = q.size(2), D = q.size(3);
        Tensor y = at::empty({B, T, H, D}, q.options()), log_sums = floats({B, H, T}, q), random, unused;
        if (!cudnn::attention_forward(q, k, v, window, y, log_sums)) {
            const auto [left, right] = flash_window(window, T);
            std::tie(y, log_sums, random, unused, std::ignore) =
                at::_flash_attention_forward(q, k, v, {}, {}, T, T, 0.0, /*is_causal=*/true,
                                             /*return_debug_mask=*/false, std::nullopt, left, right);
        }
        ctx->save_for_backward({q, k, v, y, log_sums, random, unused});
        ctx->saved_data["window"] = window;
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor &q = saved[0], &k = saved[1], &v = saved[2], &y = saved[3], &log_sums = saved[4];
        const Tensor dy = given(grads[0], y);
        const std::int64_t T = q.size(1), window = ctx->saved_data["window"].toInt();
        if (!saved[5].defined()) {
            const Tensor dqkv = at::empty({q.size(0), T, 3, q.size(2), q.size(3)}, q.options());
            const auto part = [&](int i) { return Tensor(dqkv.select(2, i).variable_data()); };
            if (cudnn::attention_backward(q, k, v, window, y, log_sums, dy, dqkv))
                return {part(0), part(1), part(2), Tensor()};
            throw std::runtime_error("cuDNN's attention has no backward pass here: " + cudnn::fault());
        }
        const auto [left, right] = flash_window(window, T);
        const auto [dq, dk, dv] =
            at::_flash_attention_backward(dy, q, k, v, y, log_sums, {}, {}, T, T, 0.0, /*is_causal=*/true,
                                          saved[5], saved[6], std::nullopt, left, right);
        return {dq, dk, dv, Tensor()};
    }
};

bool on_cudnn(const Tensor& x) {
    return x.is_cuda() && x.scalar_type() == at::kBFloat16;
}

/// x + y w^T: the sum in the matmul; x's memory is reused when nobody else has it.
Tensor add_product(const Tensor& x, bool reuse, const Tensor& y, const Tensor& w) {
    if (!reuse) return at::addmm(x, y, w.t());
    Tensor sum(x.variable_data());
    return sum.addmm_(y, w.t());
}

struct ProjectAddNorm : Function<ProjectAddNorm> {
    static variable_list forward(AutogradContext* ctx, const Tensor& x, bool reuse, const Tensor& input,
                                 const Tensor& proj) {
        const Tensor y = input.contiguous(), w = proj.to(x.scalar_type()), sum = add_product(x, reuse, y, w);
        const Tensor norm = at::empty_like(sum), scales = floats({sum.size(0)}, sum);
        norm_forward(sum, norm, scales);
        ctx->set_materialize_grads(false);
        ctx->save_for_backward({norm, scales, y, w});
        return {sum, norm};
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor &norm = saved[0], gs = grads[0].defined() ? given(grads[0], norm) : Tensor();
        const Tensor d = norm_backward(gs, given(grads[1], norm), norm, saved[1]);
        return {d, Tensor(), at::mm(d, saved[3]), at::mm(d.t(), saved[2])};
    }
};

struct MlpAdd : Function<MlpAdd> {
    static Tensor forward(AutogradContext* ctx, const Tensor& x, bool reuse, const Tensor& input,
                          const Tensor& fc, const Tensor& proj) {
        const Tensor in = input.contiguous(), w1 = fc.to(in.scalar_type()).contiguous(),
                     w2 = proj.to(in.scalar_type()).contiguous();
        Tensor y = at::empty({in.size(0), w1.size(0)}, in.options());
        if (!on_cudnn(in) || !cudnn::squared_matmul(in, w1, y)) {
            y = at::mm(in, w1.t());
            Passes::of(y, "")->launch("square_forward", blocks_for(y.numel() / 8, kThreads), kThreads,
                                      kernels::in(y), out(y), Index{y.numel() / 8});
        }
        ctx->save_for_backward({in, w1, w2, y});
        return add_product(x, reuse, y, w2);
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor &in = saved[0], &w1 = saved[1], &w2 = saved[2], &y = saved[3];
        const Tensor g = grads[0].to(in.scalar_type()).contiguous();
        Tensor d = at::empty_like(y);
        if (!on_cudnn(in) || !cudnn::sloped_matmul(g, w2, y, d)) {
            d = at::mm(g, w2);
            Passes::of(y, "")->launch("square_backward", blocks_for(y.numel() / 8, kThreads), kThreads,
                                      kernels::in(y), kernels::in(d), out(d), Index{y.numel() / 8});
        }
        return {g, Tensor(), at::mm(d, w1), at::mm(d.t(), in), at::mm(g.t(), y)};
    }
};

/// Whether x + y w^T can be one matmul. Autocast would change the type of fp32 inputs.
bool add_applies(const Tensor& x, const Tensor& y) {
    const bool type = x.scalar_type() == at::kBFloat16 || compute_type(x.device()) == at::kFloat;
    return type && x.scalar_type() == y.scalar_type() && x.dim() == 2 && y.dim() == 2 && x.is_contiguous();
}

/// Nobody else has this tensor, or saved it for the backward pass.
bool is_ours(const Tensor& x) {
    return x.use_count() == 1 && x.storage().use_count() == 1 && !(x.is_leaf() && x.requires_grad());
}

}  // namespace

std::optional<Pair> project_add_norm(Tensor& x, const Tensor& y, const Tensor& proj) {
    if (!add_applies(x, y) || !over_rows(x)) return std::nullopt;
    const auto result = ProjectAddNorm::apply(x, is_ours(x), y, proj);
    return Pair{result[0], result[1]};
}

std::optional<Tensor> mlp_add(Tensor& x, const Tensor& y, const Tensor& fc, const Tensor& proj) {
    const bool right =
        add_applies(x, y) && x.size(0) > 0 && fc.size(0) % 8 == 0 && Passes::of(x, "") != nullptr;
    return right ? std::optional(Tensor(MlpAdd::apply(x, is_ours(x), y, fc, proj))) : std::nullopt;
}

std::optional<Tensor> causal_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                       std::int64_t window) {
    const auto right = [](const Tensor& t) { return t.scalar_type() == at::kBFloat16 && t.stride(3) == 1; };
    const bool width = q.is_cuda() && q.size(3) % 8 == 0 && q.size(3) <= 256;
    if (!width || !right(q) || !right(k) || !right(v) || !Passes::of(q, "")) return std::nullopt;
    return Tensor(Attention::apply(q, k, v, window));
}

}  // namespace autoresearch::gpu

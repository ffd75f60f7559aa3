#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include "prepare/kernels/cudnn.h"
#include "prepare/kernels/gpu.h"
#include "prepare/kernels/gpu_ops.h"

// Operations of matmuls: attention and the MLP.
namespace autoresearch::gpu {
namespace {

using kernels::dense, kernels::floats, kernels::given, kernels::norm_backward, kernels::norm_forward,
    kernels::Passes;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// How FlashAttention wants a window: nothing for the whole context.
std::pair<std::optional<std::int64_t>, std::optional<std::int64_t>> flash_window(std::int64_t window,
                                                                                 std::int64_t length) {
    if (window >= length) return {};
    return {window - 1, 0};
}

/// What FlashAttention's backward pass needs of its forward pass.
struct Flash {
    Tensor y, log_sums, random, unused;
};
Flash flash_forward(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window) {
    const std::int64_t T = q.size(1);
    const auto [left, right] = flash_window(window, T);
    Flash flash;
    std::tie(flash.y, flash.log_sums, flash.random, flash.unused, std::ignore) =
        at::_flash_attention_forward(q, k, v, {}, {}, T, T, 0.0, /*is_causal=*/true,
                                     /*return_debug_mask=*/false, std::nullopt, left, right);
    return flash;
}

struct Attention : Function<Attention> {
    static Tensor forward(AutogradContext* ctx, const Tensor& q, const Tensor& k, const Tensor& v,
                          std::int64_t window) {
        const std::int64_t B = q.size(0), T = q.size(1), H = q.size(2), D = q.size(3);
        Flash flash{at::empty({B, T, H, D}, q.options()), floats({B, H, T}, q), {}, {}};
        if (!cudnn::attention_forward(q, k, v, window, flash.y, flash.log_sums))
            flash = flash_forward(q, k, v, window);
        ctx->save_for_backward({q, k, v, flash.y, flash.log_sums, flash.random, flash.unused});
        ctx->saved_data["window"] = window;
        return flash.y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor &q = saved[0], &k = saved[1], &v = saved[2];
        Flash flash{saved[3], saved[4], saved[5], saved[6]};
        const Tensor dy = given(grads[0], flash.y);
        const std::int64_t T = q.size(1), window = ctx->saved_data["window"].toInt();
        if (!flash.random.defined()) {
            const Tensor dqkv = at::empty({q.size(0), T, 3, q.size(2), q.size(3)}, q.options());
            const auto part = [&](int i) { return Tensor(dqkv.select(2, i).variable_data()); };
            if (cudnn::attention_backward(q, k, v, window, flash.y, flash.log_sums, dy, dqkv))
                return {part(0), part(1), part(2), Tensor()};
            flash = flash_forward(q, k, v, window);  // cuDNN failed in between: once more, the other way
        }
        const auto [left, right] = flash_window(window, T);
        const auto [dq, dk, dv] = at::_flash_attention_backward(dy, q, k, v, flash.y, flash.log_sums, {}, {},
                                                                T, T, 0.0, /*is_causal=*/true, flash.random,
                                                                flash.unused, std::nullopt, left, right);
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
        const Tensor y = dense(input), w = proj.to(x.scalar_type()), sum = add_product(x, reuse, y, w);
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
        const Tensor in = dense(input), w1 = dense(fc.to(in.scalar_type())),
                     w2 = dense(proj.to(in.scalar_type()));
        Tensor y = at::empty({in.size(0), w1.size(0)}, in.options());
        if (!on_cudnn(in) || !cudnn::squared_matmul(in, w1, y)) {
            y = at::mm(in, w1.t());
            kernels::square(y, y);
        }
        ctx->save_for_backward({in, w1, w2, y});
        return add_product(x, reuse, y, w2);
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor &in = saved[0], &w1 = saved[1], &w2 = saved[2], &y = saved[3];
        const Tensor g = given(grads[0], in);
        Tensor d = at::empty_like(y);
        if (!on_cudnn(in) || !cudnn::sloped_matmul(g, w2, y, d)) {
            d = at::mm(g, w2);
            kernels::square_slope(y, d, d);
        }
        return {g, Tensor(), at::mm(d, w1), at::mm(d.t(), in), at::mm(g.t(), y)};
    }
};

/// Whether x + y w^T can be one matmul. Autocast would change the type of fp32 inputs.
bool add_applies(const Tensor& x, const Tensor& y) {
    const bool type = x.scalar_type() == at::kBFloat16 || compute_type(x.device()) == at::kFloat;
    return type && x.scalar_type() == y.scalar_type() && x.dim() == 2 && y.dim() == 2 &&
           x.size(0) == y.size(0) && x.is_contiguous();
}

/// Nobody else has this tensor, or saved it for the backward pass.
bool is_ours(const Tensor& x) {
    return x.use_count() == 1 && x.storage().use_count() == 1 && !(x.is_leaf() && x.requires_grad());
}

}  // namespace

std::optional<Normed> project_add_norm(Tensor& x, const Tensor& y, const Tensor& proj) {
    if (!add_applies(x, y) || !kernels::takes_rows(x)) return std::nullopt;
    const auto result = ProjectAddNorm::apply(x, is_ours(x), y, proj);
    return Normed{result[0], result[1]};
}

std::optional<Tensor> mlp_add(Tensor& x, const Tensor& y, const Tensor& fc, const Tensor& proj) {
    const bool sizes = fc.dim() == 2 && proj.dim() == 2 && y.size(-1) == fc.size(1) &&
                       proj.size(1) == fc.size(0) && proj.size(0) == x.size(-1) && fc.size(0) % 8 == 0;
    if (!add_applies(x, y) || !sizes || x.numel() == 0 || !Passes::of(x, "")) return std::nullopt;
    return Tensor(MlpAdd::apply(x, is_ours(x), y, fc, proj));
}

std::optional<Tensor> causal_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                       std::int64_t window) {
    // In pieces of 16 bytes, as cuDNN and FlashAttention read.
    const auto right = [&](const Tensor& t) {
        bool whole = t.stride(3) == 1 && reinterpret_cast<std::uintptr_t>(t.const_data_ptr()) % 16 == 0;
        for (int i = 0; i < 3; ++i) whole = whole && t.stride(i) % 8 == 0;
        return whole && t.scalar_type() == at::kBFloat16 && t.sizes() == q.sizes();
    };
    const bool here = q.is_cuda() && q.dim() == 4 && q.size(3) % 8 == 0 && q.size(3) <= 256 && q.numel() > 0;
    if (!here || !right(q) || !right(k) || !right(v) || !available(q.device())) return std::nullopt;
    return Tensor(Attention::apply(q, k, v, window));
}

}  // namespace autoresearch::gpu

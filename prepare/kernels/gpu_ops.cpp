#include "prepare/kernels/gpu_ops.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>

#include "prepare/kernels/gpu.h"

namespace autoresearch {
namespace kernels {

using at::Tensor;

constexpr float kEps = std::numeric_limits<float>::epsilon();

std::string rows_of(const Tensor& x) {
    return "-DWIDTH=" + std::to_string(x.size(-1));
}

bool takes_rows(const Tensor& x) {
    constexpr std::int64_t kWidest = 8192;  // a row is held in registers
    return x.size(-1) % 8 == 0 && x.size(-1) <= kWidest && x.numel() > 0 &&
           Passes::of(x, rows_of(x)) != nullptr;
}

void norm_forward(const Tensor& x, const Tensor& y, const Tensor& scales) {
    Passes::taken(x, rows_of(x))
        .launch("norm_forward", blocks_for(scales.numel()), kThreads, in(x), in(Tensor()), in(Tensor()),
                in(Tensor()), out(Tensor()), out(y), out(scales), Index{scales.numel()}, kEps);
}
Tensor norm_backward(const Tensor& gs, const Tensor& gy, const Tensor& y, const Tensor& scales) {
    const Tensor dx = at::empty_like(y);
    Passes::taken(y, rows_of(y))
        .launch("norm_backward", blocks_for(scales.numel()), kThreads, in(gs), in(gy), in(y), in(scales),
                out(dx), Index{scales.numel()});
    return dx;
}

void square(const Tensor& x, const Tensor& y) {
    const Index eights = x.numel() / 8;
    Passes::taken(x, "").launch("square_forward", blocks_for(eights, kThreads), kThreads, in(x), out(y),
                                eights);
}
void square_slope(const Tensor& y, const Tensor& g, const Tensor& dx) {
    const Index eights = y.numel() / 8;
    Passes::taken(y, "").launch("square_backward", blocks_for(eights, kThreads), kThreads, in(y), in(g),
                                out(dx), eights);
}

}  // namespace kernels

namespace gpu {
namespace {

using kernels::Index, kernels::kEps, kernels::kRows, kernels::kThreads, kernels::norm_backward,
    kernels::norm_forward, kernels::rows_of, kernels::takes_rows;
using kernels::Passes, kernels::dense, kernels::in, kernels::out, kernels::floats, kernels::given,
    kernels::blocks_for;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr std::int64_t kBlocks = 1056;  // of kernels that go over all rows and leave a sum for each warp
constexpr int kRowThreads = 512;        // for a row of logits
constexpr double kLargestSoftcap = 40;  // e^(2 * 40) is within a float: no pass for the maximum

struct RmsNorm : Function<RmsNorm> {
    static Tensor forward(AutogradContext* ctx, const Tensor& input) {
        const Tensor x = dense(input), y = at::empty_like(x), scales = floats({x.numel() / x.size(-1)}, x);
        norm_forward(x, y, scales);
        ctx->save_for_backward({y, scales});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        return {norm_backward({}, given(grads[0], saved[0]), saved[0], saved[1])};
    }
};

struct MixNorm : Function<MixNorm> {
    static variable_list forward(AutogradContext* ctx, const Tensor& a, const Tensor& input, const Tensor& b,
                                 const Tensor& input0) {
        const Tensor x = dense(input), x0 = dense(input0), s = at::empty_like(x), y = at::empty_like(x),
                     scales = floats({x.numel() / x.size(-1)}, x);
        Passes::taken(x, rows_of(x))
            .launch("norm_forward", blocks_for(scales.numel()), kThreads, in(x), in(x0), in(a), in(b), out(s),
                    out(y), out(scales), Index{scales.numel()}, kEps);
        ctx->set_materialize_grads(false);
        ctx->save_for_backward({a, x, b, x0, scales});
        return {s, y};
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor &a = saved[0], &x = saved[1], &b = saved[2], &x0 = saved[3], &scales = saved[4];
        const Tensor gs = grads[0].defined() ? given(grads[0], x) : Tensor(), gy = given(grads[1], x);
        const std::int64_t blocks = std::min(kBlocks, blocks_for(scales.numel()));
        const Tensor dx = at::empty_like(x), dx0 = at::empty_like(x), sums = floats({2, blocks * kRows}, x);
        Passes::taken(x, rows_of(x))
            .launch("mix_norm_backward", blocks, kThreads, in(gs), in(gy), in(x), in(x0), in(a), in(b),
                    in(scales), out(dx), out(dx0), out(sums), Index{scales.numel()});
        const Tensor total = sums.sum(1);
        return {total[0], dx, total[1], dx0};
    }
};

struct EmbedNorm : Function<EmbedNorm> {
    static Tensor forward(AutogradContext* ctx, const Tensor& table, const Tensor& ids, at::ScalarType type) {
        const Tensor tokens = ids.contiguous().view({-1}), weights = dense(table);
        const Tensor y = at::empty({tokens.numel(), table.size(1)}, table.options().dtype(type)),
                     scales = floats({tokens.numel()}, y);
        Passes::taken(y, rows_of(y))
            .launch("embed_forward", blocks_for(tokens.numel()), kThreads, in(tokens), in(weights), out(y),
                    out(scales), Index{tokens.numel()}, kEps);
        ctx->save_for_backward({tokens, y, scales});
        ctx->saved_data["rows"] = table.size(0);
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor &tokens = saved[0], &y = saved[1], gy = given(grads[0], y);
        const Tensor dtable =
            at::zeros({ctx->saved_data["rows"].toInt(), y.size(1)}, y.options().dtype(at::kFloat));
        Passes::taken(y, rows_of(y))
            .launch("embed_backward", blocks_for(tokens.numel()), kThreads, in(tokens), in(y), in(saved[2]),
                    in(gy), out(dtable), Index{tokens.numel()});
        return {dtable, Tensor(), Tensor()};
    }
};

struct ReluSquared : Function<ReluSquared> {
    static Tensor forward(AutogradContext* ctx, const Tensor& input) {
        const Tensor x = dense(input), y = at::empty_like(x);
        kernels::square(x, y);
        ctx->save_for_backward({y});
        return y;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const Tensor y = ctx->get_saved_variables()[0], g = given(grads[0], y), dx = at::empty_like(y);
        kernels::square_slope(y, g, dx);
        return {dx};
    }
};

std::string heads_of(const Tensor& qkv) {
    return "-DHEAD=" + std::to_string(qkv.size(-1));
}

/// Whether there are kernels for heads of this width, which a power of two of lanes can share.
bool takes_heads(const Tensor& qkv) {
    const std::int64_t width = qkv.size(-1), lanes = width / 16;
    const bool right = width % 16 == 0 && lanes <= 32 && (lanes & (lanes - 1)) == 0 && qkv.numel() > 0;
    return right && Passes::of(qkv, heads_of(qkv)) != nullptr;
}

/// The gradients of q, k and v as one tensor (B, T, 3, H, D), to be overwritten: if they lie side by side, as
/// cuDNN's attention leaves them, and nobody else has them. Else undefined.
Tensor side_by_side(const variable_list& grads, const Tensor& q) {
    const std::int64_t B = q.size(0), T = q.size(1), H = q.size(2), D = q.size(3), row = 3 * H * D;
    for (int i = 0; i < 3; ++i) {
        const Tensor& g = grads[static_cast<std::size_t>(i)];
        const bool right = g.defined() && g.scalar_type() == q.scalar_type() && g.sizes() == q.sizes() &&
                           g.strides() == at::IntArrayRef({T * row, row, D, 1}) && g.use_count() == 1 &&
                           g.storage().use_count() == 3 && g.storage().is_alias_of(grads[0].storage()) &&
                           g.storage_offset() == grads[0].storage_offset() + i * H * D;
        if (!right) return {};
    }
    return grads[0].as_strided({B, T, 3, H, D}, {T * row, row, H * D, D, 1});
}

/// Rows of heads as the kernel reads them: any distance between tokens, else dense.
Tensor as_rows(const Tensor& g, at::ScalarType type) {
    const Tensor t = g.to(type);
    const bool right = t.stride(3) == 1 && t.stride(2) == t.size(3) &&
                       t.stride(0) == t.size(1) * t.stride(1) && t.stride(1) % 8 == 0 &&
                       reinterpret_cast<std::uintptr_t>(t.const_data_ptr()) % 16 == 0;
    return right ? t : dense(t);
}

struct RotaryQkv : Function<RotaryQkv> {
    static variable_list forward(AutogradContext* ctx, const Tensor& input, const Tensor& cosines,
                                 const Tensor& sines, const std::optional<Tensor>& gates,
                                 const std::optional<Tensor>& values, const std::optional<Tensor>& ids) {
        const Tensor qkv = dense(input), cos = dense(cosines.to(at::kFloat)),
                     sin = dense(sines.to(at::kFloat));
        const Tensor gate = gates ? gates->to(at::kFloat).contiguous() : Tensor(),
                     table = values ? dense(*values) : Tensor(), tokens = ids ? ids->contiguous() : Tensor();
        const std::int64_t B = qkv.size(0), T = qkv.size(1), H = qkv.size(3), D = qkv.size(4);
        const Tensor y = at::empty_like(qkv), scales = floats({B * T, 2, H}, qkv);
        Passes::taken(qkv, heads_of(qkv))
            .launch("rotary_forward", blocks_for(B * T * H * D / 16, kThreads), kThreads, in(qkv), in(cos),
                    in(sin), in(gate), in(table), in(tokens), out(y), out(scales), Index{B * T},
                    static_cast<int>(H), static_cast<int>(T), kEps);
        variable_list parts;  // without a gate, v is what it was
        for (int i = 0; i < 3; ++i)
            parts.emplace_back((i < 2 || gates ? y : qkv).select(2, i).variable_data());
        // Not y: autograd sees when somebody changes q or k in place.
        ctx->save_for_backward({parts[0], parts[1], scales, cos, sin, gate, table, tokens});
        if (gates) {
            ctx->saved_data["type"] = gates->scalar_type();
            ctx->saved_data["sizes"] = gates->sizes();
        }
        return parts;
    }
    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor &q = saved[0], &gate = saved[5], &table = saved[6];
        const std::int64_t B = q.size(0), T = q.size(1), H = q.size(2), D = q.size(3);
        Tensor dqkv = side_by_side(grads, q);  // first: it counts who has the gradients
        if (!dqkv.defined()) dqkv = at::empty({B, T, 3, H, D}, q.options());
        std::array<Tensor, 3> g;
        for (std::size_t i = 0; i < 3; ++i)
            g[i] = grads[i].defined() ? as_rows(grads[i], q.scalar_type())
                                      : at::zeros({B, T, H, D}, q.options());
        const Tensor dgate = gate.defined() ? floats({B * T, H}, q) : Tensor(),
                     dtable = gate.defined() ? at::zeros_like(table) : Tensor();
        Passes::taken(q, heads_of(q))
            .launch("rotary_backward", blocks_for(B * T * H * D / 16, kThreads), kThreads, in(g[0]), in(g[1]),
                    in(g[2]), Index{g[0].stride(1)}, Index{g[1].stride(1)}, Index{g[2].stride(1)}, in(q),
                    in(saved[2]), in(saved[3]), in(saved[4]), in(gate), in(table), in(saved[7]), out(dqkv),
                    out(dgate), out(dtable), Index{B * T}, static_cast<int>(H), static_cast<int>(T));
        if (!gate.defined()) return {dqkv, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
        const Tensor back = dgate.to(ctx->saved_data["type"].toScalarType());
        return {dqkv,   Tensor(), Tensor(), back.view(ctx->saved_data["sizes"].toIntVector()),
                dtable, Tensor()};
    }
};

std::string logits_of(std::int64_t vocab) {
    return "-DVOCAB=" + std::to_string(vocab) + " -DTHREADS=" + std::to_string(kRowThreads);
}

}  // namespace

bool available(at::Device device) {
    constexpr int kAmpere = 80;  // the first with bf16
    if (device.is_cuda() && kernels::architecture(device.index()) < kAmpere) return false;
    return Passes::of(at::empty({1}, at::TensorOptions(device).dtype(at::kBFloat16)), "") != nullptr;
}

std::optional<Tensor> rms_norm(const Tensor& x) {
    return takes_rows(x) ? std::optional(Tensor(RmsNorm::apply(x))) : std::nullopt;
}

std::optional<Tensor> relu_squared(const Tensor& x) {
    const bool right = x.numel() > 0 && x.numel() % 8 == 0 && Passes::of(x, "") != nullptr;
    return right ? std::optional(Tensor(ReluSquared::apply(x))) : std::nullopt;
}

std::optional<Tensor> embed_norm(const Tensor& table, const Tensor& tokens, at::ScalarType type) {
    const bool right = table.scalar_type() == at::kFloat && tokens.scalar_type() == at::kLong &&
                       (type == at::kFloat || type == at::kBFloat16) && tokens.numel() > 0;
    if (!right || !takes_rows(at::empty({1, table.size(1)}, table.options().dtype(type))))
        return std::nullopt;
    return Tensor(EmbedNorm::apply(table, tokens, type));
}

std::optional<Normed> mix_norm(const Tensor& a, const Tensor& x, const Tensor& b, const Tensor& x0) {
    const bool alike = x.scalar_type() == x0.scalar_type() && x.sizes() == x0.sizes() &&
                       a.scalar_type() == at::kFloat && b.scalar_type() == at::kFloat && a.dim() == 0 &&
                       b.dim() == 0 && a.device() == x.device() && b.device() == x.device();
    if (!alike || !takes_rows(x)) return std::nullopt;
    const auto result = MixNorm::apply(a, x, b, x0);
    return Normed{result[0], result[1]};
}

std::optional<Heads> rotary_qkv(const Tensor& qkv, const Tensor& cos, const Tensor& sin, const Tensor& gate,
                                const Tensor& table, const Tensor& tokens) {
    if (qkv.dim() != 5 || qkv.size(2) != 3 || !takes_heads(qkv)) return std::nullopt;
    const std::int64_t B = qkv.size(0), T = qkv.size(1), H = qkv.size(3), D = qkv.size(4);
    const auto angles = [&](const Tensor& t) { return t.dim() == 2 && t.size(0) == T && t.size(1) == D / 2; };
    const auto values = [&] {
        return table.scalar_type() == at::kFloat && tokens.scalar_type() == at::kLong && table.dim() == 2 &&
               table.size(1) == H * D && gate.numel() == B * T * H && tokens.numel() == B * T;
    };
    if (!angles(cos) || !angles(sin) || (gate.defined() && !values())) return std::nullopt;
    const auto maybe = [](const Tensor& t) { return t.defined() ? std::optional(t) : std::nullopt; };
    const auto parts = RotaryQkv::apply(qkv, cos, sin, maybe(gate), maybe(table), maybe(tokens));
    return Heads{parts[0], parts[1], parts[2]};
}

bool has_cross_entropy(const Tensor& x, std::int64_t vocab, double softcap) {
    constexpr std::int64_t kLargestVocabulary = 32768;  // a row is held in registers
    if (vocab % 8 != 0 || vocab > kLargestVocabulary || softcap > kLargestSoftcap) return false;
    const auto type = compute_type(x.device()) == at::kFloat ? x.scalar_type() : compute_type(x.device());
    return Passes::of(at::empty({1}, x.options().dtype(type)), logits_of(vocab)) != nullptr;
}

void cross_entropy(const Tensor& logits, const Tensor& targets, const Tensor& losses, double softcap,
                   double scale) {
    const std::int64_t rows = logits.size(0);
    Passes::taken(logits, logits_of(logits.size(1)))
        .launch("cross_entropy", std::min(rows, kBlocks), kRowThreads, out(logits), in(targets), out(losses),
                Index{rows}, static_cast<float>(softcap), static_cast<float>(scale));
}

}  // namespace gpu
}  // namespace autoresearch

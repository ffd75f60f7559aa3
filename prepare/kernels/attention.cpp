#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "autoresearch/ops.h"
#include "prepare/kernels/gpu_ops.h"
#include "prepare/kernels/matmul.h"
#include "prepare/kernels/simd.h"

namespace autoresearch {
namespace {

using at::Tensor;
using kernels::Matrix;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kSmallestBlock = 64;  // shorter windows are too small for a matmul
constexpr std::int64_t kQueries = 60;        // rows of scores at a time on the CPU

/// The (T, D) matrix of one head in one row of a (B, T, H, D) tensor.
Matrix head_of(const Tensor& t, std::int64_t i) {
    const std::int64_t H = t.size(2);
    return {t.const_data_ptr<float>() + i / H * t.stride(0) + i % H * t.stride(2), t.stride(1), t.stride(3)};
}
Matrix transposed(const Matrix& m) {
    return {m.data, m.column, m.row};
}
Matrix from_row(const Matrix& m, std::int64_t row) {
    return {m.data + row * m.row, m.row, m.column};
}
float* to_row(const Tensor& t, std::int64_t i, std::int64_t row) {
    return const_cast<float*>(from_row(head_of(t, i), row).data);
}

/// A block of queries of one head, with the keys that they see.
struct Block {
    std::int64_t first, rows;  // queries
    std::int64_t from, seen;   // keys
    std::int64_t columns;      // scores in a row: rounded up to a whole tile of keys, where there are enough
    std::int64_t stride;       // of a row of scores: a whole number of registers
    std::int64_t window;

    /// Query r sees the columns [begin, end).
    std::int64_t begin(std::int64_t r) const {
        return std::max<std::int64_t>(0, first + r + 1 - window - from);
    }
    std::int64_t end(std::int64_t r) const { return first + r + 1 - from; }
};

template <class Body>
void for_blocks(const Tensor& q, std::int64_t window, const Body& body) {
    const std::int64_t T = q.size(1);
    at::parallel_for(0, q.size(0) * q.size(2), 1, [&](std::int64_t head, std::int64_t last) {
        for (; head < last; ++head) {
            for (std::int64_t first = 0; first < T; first += kQueries) {
                const std::int64_t rows = std::min(kQueries, T - first);
                const std::int64_t from = std::max<std::int64_t>(0, first + 1 - window);
                const std::int64_t seen = first + rows - from;
                const std::int64_t columns = std::min(T - from, (seen + 63) / 64 * 64);
                body(head, Block{first, rows, from, seen, columns, (columns + 15) / 16 * 16, window});
            }
        }
    });
}

/// scores = q k^T / sqrt(D) of a block.
void multiply_keys(const Block& b, const Matrix& q, const Matrix& k, std::int64_t D, float* scores) {
    kernels::multiply(b.rows, b.columns, D, from_row(q, b.first), transposed(from_row(k, b.from)),
                      1 / std::sqrt(static_cast<float>(D)), 0, scores, b.stride);
}

/// Softmax of a block's scores, without the division: e^(score - max) where a query sees, 0 elsewhere.
/// Sums and maxima go to `log_sum` (max + log(sum)) and `inverse` (1 / sum), one for each query.
void exponentials(const Block& b, float* scores, float* log_sum, float* inverse) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        for (std::int64_t r = 0; r < b.rows; ++r) {
            float* row = scores + r * b.stride;
            const std::int64_t begin = b.begin(r), end = b.end(r);
            std::fill(row, row + begin, -INFINITY);
            std::fill(row + end, row + b.stride, -INFINITY);
            auto top = V::splat(-INFINITY);
            for (std::int64_t i = 0; i < b.stride; i += V::kLanes) top = V::max(top, V::load(row + i));
            const float max = V::largest(top);
            auto sum = V::splat(0);
            for (std::int64_t i = 0; i < b.stride; i += V::kLanes) {
                const auto e = V::exp(V::load(row + i) - max);
                sum += e;  // masked scores add e^-87 at most
                V::store(row + i, e);
            }
            std::fill(row, row + begin, 0.0f);
            std::fill(row + end, row + b.stride, 0.0f);
            const float total = V::sum(sum);
            log_sum[r] = max + std::log(total);
            inverse[r] = 1 / total;
        }
    });
}

/// Raw scores -> probabilities, and their gradient -> that of the scores (times scale), in place.
void softmax_backward(const Block& b, const float* log_sum, const float* delta, float scale, float* scores,
                      float* grads) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        for (std::int64_t r = 0; r < b.rows; ++r) {
            float *p = scores + r * b.stride, *g = grads + r * b.stride;
            for (std::int64_t i = 0; i < b.stride; i += V::kLanes) {
                const auto share = V::exp(V::load(p + i) - log_sum[r]);
                V::store(p + i, share);
                V::store(g + i, share * (V::load(g + i) - delta[r]) * scale);
            }
            for (float* row : {p, g}) {
                std::fill(row, row + b.begin(r), 0.0f);
                std::fill(row + b.end(r), row + b.stride, 0.0f);
            }
        }
    });
}

/// Attention head by head, with the scores of a few queries at a time, which stay in the caches. Skips
/// products with keys that come later, or before the window, except at the borders of a block.
struct CpuAttention : torch::autograd::Function<CpuAttention> {
    static Tensor forward(AutogradContext* ctx, const Tensor& q, const Tensor& k, const Tensor& v,
                          std::int64_t window) {
        const std::int64_t B = q.size(0), T = q.size(1), H = q.size(2), D = q.size(3);
        const Tensor y = at::empty({B, T, H, D}, q.options()), log_sums = at::empty({B * H, T}, q.options());
        for_blocks(q, window, [&](std::int64_t head, const Block& b) {
            std::vector<float> scores(static_cast<std::size_t>(b.rows * b.stride)),
                inverse(static_cast<std::size_t>(b.rows));
            multiply_keys(b, head_of(q, head), head_of(k, head), D, scores.data());
            exponentials(b, scores.data(), log_sums.data_ptr<float>() + head * T + b.first, inverse.data());
            float* to = to_row(y, head, b.first);
            kernels::multiply(b.rows, D, b.seen, {scores.data(), b.stride, 1},
                              from_row(head_of(v, head), b.from), 1, 0, to, H * D);
            for (std::int64_t r = 0; r < b.rows; ++r)
                for (std::int64_t j = 0; j < D; ++j)
                    to[r * H * D + j] *= inverse[static_cast<std::size_t>(r)];
        });
        ctx->save_for_backward({q, k, v, y, log_sums});
        ctx->saved_data["window"] = window;
        return y;
    }

    static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
        const auto saved = ctx->get_saved_variables();
        const Tensor &q = saved[0], &k = saved[1], &v = saved[2], &log_sums = saved[4];
        const Tensor dy = grads[0].contiguous();
        const std::int64_t B = q.size(0), T = q.size(1), H = q.size(2), D = q.size(3);
        const Tensor dq = at::empty({B, T, H, D}, q.options()), dk = at::zeros({B, T, H, D}, q.options()),
                     dv = at::zeros({B, T, H, D}, q.options());
        const Tensor deltas = (dy * saved[3]).sum(-1).transpose(1, 2).contiguous();  // (B, H, T)
        for_blocks(q, ctx->saved_data["window"].toInt(), [&](std::int64_t head, const Block& b) {
            std::vector<float> scores(static_cast<std::size_t>(b.rows * b.stride)), slopes(scores.size());
            const Matrix dy_block = from_row(head_of(dy, head), b.first);
            multiply_keys(b, head_of(q, head), head_of(k, head), D, scores.data());
            kernels::multiply(b.rows, b.columns, D, dy_block, transposed(from_row(head_of(v, head), b.from)),
                              1, 0, slopes.data(), b.stride);
            const std::int64_t at = head * T + b.first;
            softmax_backward(b, log_sums.const_data_ptr<float>() + at, deltas.const_data_ptr<float>() + at,
                             1 / std::sqrt(static_cast<float>(D)), scores.data(), slopes.data());
            const Matrix shares = {scores.data(), b.stride, 1}, ds = {slopes.data(), b.stride, 1};
            kernels::multiply(b.seen, D, b.rows, transposed(shares), dy_block, 1, 1, to_row(dv, head, b.from),
                              H * D);
            kernels::multiply(b.rows, D, b.seen, ds, from_row(head_of(k, head), b.from), 1, 0,
                              to_row(dq, head, b.first), H * D);
            kernels::multiply(b.seen, D, b.rows, transposed(ds), from_row(head_of(q, head), b.first), 1, 1,
                              to_row(dk, head, b.from), H * D);
        });
        return {dq, dk, dv, Tensor()};
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
        const bool plain = before == 0 && rows <= window;  // the window masks nothing here
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

Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window) {
    const bool fp32_on_cpu = q.is_cpu() && q.scalar_type() == at::kFloat && k.scalar_type() == at::kFloat &&
                             v.scalar_type() == at::kFloat;
    if (fp32_on_cpu && kernels::fast_matmul()) return CpuAttention::apply(q, k, v, window);
    if (auto y = gpu::causal_attention(q, k, v, window)) return *y;
    const Tensor qh = q.transpose(1, 2), kh = k.transpose(1, 2), vh = v.transpose(1, 2);
    return (window >= q.size(1) ? at::scaled_dot_product_attention(qh, kh, vh, {}, 0.0, /*is_causal=*/true)
                                : window_attention(qh, kh, vh, window))
        .transpose(1, 2);
}

}  // namespace autoresearch

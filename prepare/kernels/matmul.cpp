#include "prepare/kernels/matmul.h"

#include <ATen/CPUFunctions.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <algorithm>
#include <cstring>

#include "prepare/kernels/simd.h"

namespace autoresearch {
namespace {

using at::Scalar;
using at::Tensor;

// A tile of c stays in registers (24 of AVX-512's 32) while it runs down a slice of the depth; the matching
// slice of b, packed into a panel as wide as the tile, stays in the L1 cache (32 KiB).
constexpr int kTileRows = 6, kTileVecs = 4, kSlice = 128;
constexpr std::int64_t kTaskFlops = 1 << 21;  // anything less is not worth its own task

template <class V>
AUTORESEARCH_INLINE void tile(int depth, kernels::Matrix a, const float* panel, float alpha, float beta,
                              float* c, std::int64_t c_row) {
    typename V::Floats sum[kTileRows][kTileVecs] = {};
    const float* left = a.data;
    for (int p = 0; p < depth; ++p, left += a.column, panel += kTileVecs * V::kLanes) {
        typename V::Floats right[kTileVecs];
        for (int j = 0; j < kTileVecs; ++j) right[j] = V::load(panel + j * V::kLanes);
#pragma GCC unroll 6
        for (int i = 0; i < kTileRows; ++i) {
            const auto x = V::splat(left[i * a.row]);
#pragma GCC unroll 4
            for (int j = 0; j < kTileVecs; ++j) sum[i][j] += x * right[j];
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < kTileVecs; ++j) {
            float* to = c + i * c_row + j * V::kLanes;
            V::store(to, beta == 0 ? sum[i][j] * alpha : V::load(to) * beta + sum[i][j] * alpha);
        }
    }
}

/// b (depth, columns) -> rows of N floats, padded with zero columns.
template <class V, int N>
AUTORESEARCH_INLINE void pack(kernels::Matrix b, int depth, int columns, float* panel) {
    if (columns < N) std::memset(panel, 0, sizeof(float) * static_cast<std::size_t>(depth) * N);
    if (b.column == 1 && columns == N) {
        for (std::ptrdiff_t p = 0; p < depth; ++p)
            for (int j = 0; j < N; j += V::kLanes)
                V::store(panel + p * N + j, V::load(b.data + p * b.row + j));
    } else {
        for (int j = 0; j < columns; ++j)
            for (int p = 0; p < depth; ++p) panel[p * N + j] = b.data[p * b.row + j * b.column];
    }
}

/// A tile that crosses the border of c: computed through full scratch tiles.
template <class V, int N>
AUTORESEARCH_INLINE void border_tile(int rows, int columns, int depth, kernels::Matrix a, const float* panel,
                                     float alpha, float beta, float* c, std::int64_t c_row) {
    float left[kTileRows * kSlice] = {}, full[kTileRows * N] = {};
    for (int i = 0; i < rows; ++i)
        for (int p = 0; p < depth; ++p) left[p * kTileRows + i] = a.data[i * a.row + p * a.column];
    tile<V>(depth, {left, 1, kTileRows}, panel, alpha, 0, full, N);
    for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < columns; ++j) {
            float& to = c[i * c_row + j];
            to = full[i * N + j] + (beta == 0 ? 0 : beta * to);
        }
    }
}

}  // namespace

bool& kernels::plain_path() {
    static bool plain = false;
    return plain;
}

bool kernels::fast_matmul() {
    return simd::fast_matmul() && !plain_path();
}

void kernels::multiply(std::int64_t rows, std::int64_t columns, std::int64_t depth, Matrix a, Matrix b,
                       float alpha, float beta, float* c, std::int64_t c_row) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        constexpr int N = kTileVecs * V::kLanes;
        alignas(64) float panel[kSlice * N];
        for (std::int64_t n = 0; n < columns; n += N) {
            const int width = static_cast<int>(std::min<std::int64_t>(N, columns - n));
            for (std::int64_t k = 0; k < depth; k += kSlice) {
                const int deep = static_cast<int>(std::min<std::int64_t>(kSlice, depth - k));
                pack<V, N>({b.data + k * b.row + n * b.column, b.row, b.column}, deep, width, panel);
                const float keep = k == 0 ? beta : 1;
                for (std::int64_t m = 0; m < rows; m += kTileRows) {
                    const int height = static_cast<int>(std::min<std::int64_t>(kTileRows, rows - m));
                    const Matrix left = {a.data + m * a.row + k * a.column, a.row, a.column};
                    float* to = c + m * c_row + n;
                    if (height == kTileRows && width == N) {
                        tile<V>(deep, left, panel, alpha, keep, to, c_row);
                    } else {
                        border_tile<V, N>(height, width, deep, left, panel, alpha, keep, to, c_row);
                    }
                }
            }
        }
    });
}

namespace {

/// Large enough, and of the right type, to be worth it: narrow ones are left to libtorch.
bool ours(const Tensor& a, const Tensor& b) {
    return kernels::fast_matmul() && a.is_cpu() && b.is_cpu() && a.scalar_type() == at::kFloat &&
           b.scalar_type() == at::kFloat && a.size(-2) >= kTileRows && a.size(-1) >= 16 && b.size(-1) >= 16 &&
           a.size(-1) == b.size(-2);
}

Tensor stack(const Tensor& t) {
    return t.dim() == 2 ? t.unsqueeze(0) : t;
}

void multiply_stacks(const Tensor& a, const Tensor& b, double alpha, double beta, const Tensor& c) {
    const std::int64_t rows = a.size(1), depth = a.size(2), columns = b.size(2), kWidth = 64;
    const std::int64_t panels = (columns + kWidth - 1) / kWidth;
    const std::int64_t threads = at::get_num_threads();
    const std::int64_t wanted = std::max<std::int64_t>(1, 4 * threads / (a.size(0) * panels));
    const std::int64_t chunk = std::max<std::int64_t>((rows / wanted + kTileRows - 1) / kTileRows * kTileRows,
                                                      kTaskFlops / (2 * depth * kWidth));
    const std::int64_t chunks = (rows + chunk - 1) / chunk;
    const float *from_a = a.const_data_ptr<float>(), *from_b = b.const_data_ptr<float>();
    float* to = c.mutable_data_ptr<float>();
    at::parallel_for(0, a.size(0) * panels * chunks, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t task = first; task < last; ++task) {
            const std::int64_t i = task / (panels * chunks);
            const std::int64_t n = task / chunks % panels * kWidth, m = task % chunks * chunk;
            kernels::multiply(std::min(chunk, rows - m), std::min(kWidth, columns - n), depth,
                              {from_a + i * a.stride(0) + m * a.stride(1), a.stride(1), a.stride(2)},
                              {from_b + i * b.stride(0) + n * b.stride(2), b.stride(1), b.stride(2)},
                              static_cast<float>(alpha), static_cast<float>(beta),
                              to + i * c.stride(0) + m * c.stride(1) + n, c.stride(1));
        }
    });
}

Tensor product(const Tensor& a, const Tensor& b) {
    if (!ours(a, b) || (a.dim() == 3 && a.size(0) != b.size(0)))
        return a.dim() == 2 ? at::cpu::mm(a, b) : at::cpu::bmm(a, b);
    auto shape = a.sizes().vec();
    shape.back() = b.size(-1);
    const Tensor c = at::empty(shape, a.options());
    multiply_stacks(stack(a), stack(b), 1, 0, stack(c));
    return c;
}

Tensor sum_of_product(const Tensor& c, const Tensor& a, const Tensor& b, const Scalar& beta,
                      const Scalar& alpha) {
    auto shape = a.sizes().vec();
    shape.back() = b.size(-1);
    if (!ours(a, b) || (a.dim() == 3 && a.size(0) != b.size(0)) || c.scalar_type() != at::kFloat ||
        c.sizes() != shape)
        return a.dim() == 2 ? at::cpu::addmm(c, a, b, beta, alpha) : at::cpu::baddbmm(c, a, b, beta, alpha);
    const Tensor result = c.clone(at::MemoryFormat::Contiguous);
    multiply_stacks(stack(a), stack(b), alpha.toDouble(), beta.toDouble(), stack(result));
    return result;
}

/// Overrides the operators, once, when the library is loaded. False where ATen's are as fast.
bool take_over() noexcept {
    if (!simd::fast_matmul()) return false;
    struct Quiet : c10::WarningHandler {  // it warns about the override, which is intended
        void process(const c10::Warning&) override {}
    } quiet;
    const c10::WarningUtils::WarningHandlerGuard guard(&quiet);
    static torch::Library library(torch::Library::IMPL, "aten", c10::DispatchKey::CPU, __FILE__, __LINE__);
    library.impl("mm", product);
    library.impl("bmm", product);
    library.impl("addmm", sum_of_product);
    library.impl("baddbmm", sum_of_product);
    return true;
}
[[maybe_unused]] const bool taken_over = take_over();

}  // namespace

void multiply(const Tensor& a, const Tensor& b, double alpha, double beta, const Tensor& c) {
    if (ours(a, b)) return multiply_stacks(stack(a), stack(b), alpha, beta, stack(c));
    Tensor to = c;
    at::addmm_out(to, c, a, b, beta, alpha);
}

}  // namespace autoresearch

// Matmul in fp32 for the processors that libtorch's library serves badly: MKL takes its AVX-512 path on
// Intel's only, elsewhere it runs at less than half of what the processor can do. There at::mm, addmm, bmm
// and baddbmm on the CPU (and so at::linear, at::matmul and their gradients) come here; everything else, and
// every other processor, stays with libtorch. The numbers do not depend on the count of threads.

#include <ATen/CPUFunctions.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <algorithm>
#include <cstring>

#include "prepare/session/simd.h"

namespace autoresearch {
namespace {

using at::Scalar;
using at::Tensor;
using V = simd::Vec<16>;

// A tile of c stays in registers (24 of the 32 of AVX-512) while it goes down a slice of the depth; the slice
// of b beside it, packed into a panel as wide as the tile, stays in the first cache (32 KiB).
constexpr int kTileRows = 6, kTileVecs = 4, kWidth = kTileVecs * V::kLanes, kSlice = 128;
constexpr std::int64_t kTaskFlops = 1 << 21;  // less is not worth a task of its own

/// A matrix anywhere in memory: element (i, j) is data[i * row + j * column].
struct Matrix {
    const float* data;
    std::int64_t row, column;
};

AUTORESEARCH_INLINE void tile(int depth, Matrix a, const float* panel, float alpha, float beta, float* c,
                              std::int64_t c_row) {
    V::Floats sum[kTileRows][kTileVecs] = {};
    const float* left = a.data;
    for (int p = 0; p < depth; ++p, left += a.column, panel += kWidth) {
        V::Floats right[kTileVecs];
        for (int j = 0; j < kTileVecs; ++j) right[j] = V::load(panel + std::ptrdiff_t{j} * V::kLanes);
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
            float* to = c + i * c_row + std::ptrdiff_t{j} * V::kLanes;
            V::store(to, beta == 0 ? sum[i][j] * alpha : V::load(to) * beta + sum[i][j] * alpha);
        }
    }
}

/// A tile that reaches over the border of c: through full tiles beside it.
AUTORESEARCH_INLINE void border_tile(int rows, int columns, int depth, Matrix a, const float* panel,
                                     float alpha, float beta, float* c, std::int64_t c_row) {
    float left[kTileRows * kSlice] = {}, full[kTileRows * kWidth] = {};
    for (int i = 0; i < rows; ++i)
        for (int p = 0; p < depth; ++p) left[p * kTileRows + i] = a.data[i * a.row + p * a.column];
    tile(depth, {left, 1, kTileRows}, panel, alpha, 0, full, kWidth);
    for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < columns; ++j) {
            float& to = c[i * c_row + j];
            to = full[i * kWidth + j] + (beta == 0 ? 0 : beta * to);
        }
    }
}

/// b (depth, columns) -> rows of kWidth floats, zeros in the columns that are not there.
AUTORESEARCH_INLINE void pack(Matrix b, int depth, int columns, float* panel) {
    if (columns < kWidth) std::memset(panel, 0, sizeof(float) * static_cast<std::size_t>(depth) * kWidth);
    if (b.column == 1 && columns == kWidth) {
        for (std::ptrdiff_t p = 0; p < depth; ++p)
            for (int j = 0; j < kWidth; j += V::kLanes)
                V::store(panel + p * kWidth + j, V::load(b.data + p * b.row + j));
    } else {
        for (int j = 0; j < columns; ++j)
            for (int p = 0; p < depth; ++p) panel[p * kWidth + j] = b.data[p * b.row + j * b.column];
    }
}

/// c = alpha a b + beta c on the calling thread: a (rows, depth), b (depth, columns), at most kWidth columns.
AUTORESEARCH_AVX512 void multiply_panel(std::int64_t rows, int columns, std::int64_t depth, Matrix a,
                                        Matrix b, float alpha, float beta, float* c, std::int64_t c_row) {
    alignas(64) float panel[kSlice * kWidth];
    for (std::int64_t k = 0; k < depth; k += kSlice, beta = 1) {
        const int deep = static_cast<int>(std::min<std::int64_t>(kSlice, depth - k));
        pack({b.data + k * b.row, b.row, b.column}, deep, columns, panel);
        for (std::int64_t m = 0; m < rows; m += kTileRows) {
            const int height = static_cast<int>(std::min<std::int64_t>(kTileRows, rows - m));
            const Matrix left = {a.data + m * a.row + k * a.column, a.row, a.column};
            if (height == kTileRows && columns == kWidth) {
                tile(deep, left, panel, alpha, beta, c + m * c_row, c_row);
            } else {
                border_tile(height, columns, deep, left, panel, alpha, beta, c + m * c_row, c_row);
            }
        }
    }
}

/// Large enough, and of the type, to be worth it: narrow ones are left to libtorch.
bool ours(const Tensor& a, const Tensor& b) {
    return !simd::plain_path() && a.is_cpu() && b.is_cpu() && a.scalar_type() == at::kFloat &&
           b.scalar_type() == at::kFloat && a.size(-2) >= kTileRows && a.size(-1) >= 16 && b.size(-1) >= 16 &&
           a.size(-1) == b.size(-2) && (a.dim() == 2 || a.size(0) == b.size(0));
}

Tensor stack(const Tensor& t) {
    return t.dim() == 2 ? t.unsqueeze(0) : t;
}

/// Matrices, or stacks of them: panels of the columns and chunks of the rows are tasks for the threads.
void multiply_all(const Tensor& left, const Tensor& right, double alpha, double beta, const Tensor& result) {
    const Tensor a = stack(left), b = stack(right), c = stack(result);
    const std::int64_t rows = a.size(1), depth = a.size(2), columns = b.size(2);
    const std::int64_t panels = (columns + kWidth - 1) / kWidth;
    const std::int64_t wanted =
        std::max<std::int64_t>(1, std::int64_t{4} * at::get_num_threads() / (a.size(0) * panels));
    const std::int64_t chunk = std::max<std::int64_t>((rows / wanted + kTileRows - 1) / kTileRows * kTileRows,
                                                      kTaskFlops / (2 * depth * kWidth));
    const std::int64_t chunks = (rows + chunk - 1) / chunk;
    const float *from_a = a.const_data_ptr<float>(), *from_b = b.const_data_ptr<float>();
    float* to = c.mutable_data_ptr<float>();
    at::parallel_for(0, a.size(0) * panels * chunks, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t task = first; task < last; ++task) {
            const std::int64_t i = task / (panels * chunks);
            const std::int64_t n = task / chunks % panels * kWidth, m = task % chunks * chunk;
            multiply_panel(std::min(chunk, rows - m),
                           static_cast<int>(std::min<std::int64_t>(kWidth, columns - n)), depth,
                           {from_a + i * a.stride(0) + m * a.stride(1), a.stride(1), a.stride(2)},
                           {from_b + i * b.stride(0) + n * b.stride(2), b.stride(1), b.stride(2)},
                           static_cast<float>(alpha), static_cast<float>(beta),
                           to + i * c.stride(0) + m * c.stride(1) + n, c.stride(1));
        }
    });
}

std::vector<std::int64_t> shape_of_product(const Tensor& a, const Tensor& b) {
    auto shape = a.sizes().vec();
    shape.back() = b.size(-1);
    return shape;
}

Tensor product(const Tensor& a, const Tensor& b) {
    if (!ours(a, b)) return a.dim() == 2 ? at::cpu::mm(a, b) : at::cpu::bmm(a, b);
    const Tensor c = at::empty(shape_of_product(a, b), a.options());
    multiply_all(a, b, 1, 0, c);
    return c;
}

Tensor sum_of_product(const Tensor& c, const Tensor& a, const Tensor& b, const Scalar& beta,
                      const Scalar& alpha) {
    if (!ours(a, b) || c.scalar_type() != at::kFloat || c.sizes() != shape_of_product(a, b))
        return a.dim() == 2 ? at::cpu::addmm(c, a, b, beta, alpha) : at::cpu::baddbmm(c, a, b, beta, alpha);
    const Tensor result = c.clone(at::MemoryFormat::Contiguous);
    multiply_all(a, b, alpha.toDouble(), beta.toDouble(), result);
    return result;
}

bool worth_it() {
#if defined(__x86_64__)
    return simd::has(simd::Isa::avx512) && !__builtin_cpu_is("intel");
#else
    return false;
#endif
}

/// Takes the operators over, once, when the library is loaded.
bool take_over() noexcept {
    if (!worth_it()) return false;
    struct Quiet : c10::WarningHandler {  // it warns of what is meant
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

}  // namespace autoresearch

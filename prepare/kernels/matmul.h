#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

// fp32 matmul for the processors that libtorch's library serves badly: MKL takes its AVX-512 path only on
// Intel's; elsewhere it reaches less than half of what the processor can do. Where fast_matmul(), at::mm,
// addmm, bmm and baddbmm on the CPU (and so at::linear, at::matmul and their gradients) come here; everything
// else, and every other processor, stays with libtorch.

namespace autoresearch {

namespace kernels {

/// For tests: makes the CPU take every operation's plain ATen path, which other devices run.
bool& plain_path();

/// True with AVX-512 on a non-Intel processor, unless the plain path was chosen.
bool fast_matmul();

/// A matrix in memory with any strides: element (i, j) is data[i * row + j * column].
struct Matrix {
    const float* data;
    std::int64_t row, column;
};

/// c = alpha a b + beta c on the calling thread: a (rows, depth), b (depth, columns), c with the given
/// distance between rows. With beta 0, c is not read.
void multiply(std::int64_t rows, std::int64_t columns, std::int64_t depth, Matrix a, Matrix b, float alpha,
              float beta, float* c, std::int64_t c_row);

}  // namespace kernels

/// c = alpha a b + beta c for matrices, or stacks of them, on all threads; c (dense rows) is not
/// differentiated. With fast_matmul(), results do not depend on the number of threads.
void multiply(const at::Tensor& a, const at::Tensor& b, double alpha, double beta, const at::Tensor& c);

}  // namespace autoresearch

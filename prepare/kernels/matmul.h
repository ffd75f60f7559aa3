#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

// Matmul in fp32 for the processors that libtorch's library serves badly: MKL takes its AVX-512 path on
// Intel's only, elsewhere it runs at less than half of what the processor can do. Where fast_matmul(),
// at::mm, addmm, bmm and baddbmm on the CPU (and so at::linear, at::matmul and their gradients) come here;
// everything else, and every other processor, stays with libtorch.

namespace autoresearch {

namespace kernels {

/// Makes the CPU take the plain ATen path of every operation, which is what other devices run: for tests.
bool& plain_path();

/// AVX-512 on a processor that is not Intel's, and not the plain path.
bool fast_matmul();

/// A matrix anywhere in memory: element (i, j) is data[i * row + j * column].
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
/// differentiated. The numbers do not depend on the count of threads where fast_matmul().
void multiply(const at::Tensor& a, const at::Tensor& b, double alpha, double beta, const at::Tensor& c);

}  // namespace autoresearch

#pragma once

#include <cstdint>

// The CPU kernels behind include/autoresearch/ops.h: fp32, one thread, no torch. Row lengths are multiples
// of 16.

namespace autoresearch::kernels {

/// Makes the CPU take the plain ATen path of every operation, which is what other devices run: for tests.
bool& plain_path();

/// y = x / sqrt(mean(x^2) + eps); keeps 1 / sqrt(...) of each row in `inverse`.
void rms_norm(const float* x, std::int64_t rows, int width, float* y, float* inverse);
void rms_norm_backward(const float* grad, const float* y, const float* inverse, std::int64_t rows, int width,
                       float* dx);

void relu_squared(const float* x, std::int64_t count, float* y);
void relu_squared_backward(const float* grad, const float* x, std::int64_t count, float* dx);

/// y = a x + b x0.
void scaled_sum(float a, const float* x, float b, const float* x0, std::int64_t count, float* y);
/// Adds to sums[0] and sums[1] the dot products of grad with x and x0.
void scaled_sum_backward(float a, const float* x, float b, const float* x0, const float* grad,
                         std::int64_t count, float* dx, float* dx0, double* sums);

/// Rotary position and RMS norm of `heads` heads of width `dim` for one token: x to y, both heads * dim, cos
/// and sin dim / 2. `inverse` keeps one number a head.
void rotary_norm(const float* x, const float* cos, const float* sin, int heads, int dim, float* y,
                 float* inverse);
void rotary_norm_backward(const float* grad, const float* y, const float* inverse, const float* cos,
                          const float* sin, int heads, int dim, float* dx);

/// Replaces the raw logits (vocab) of one token by scale * d(loss)/d(raw), where loss = cross-entropy of
/// softcap * tanh(raw / softcap), which goes to `loss`. `scratch` holds vocab floats. softcap <= 40, so that
/// no pass for the maximum is needed.
void softcap_cross_entropy(float* logits, int vocab, std::int64_t target, float softcap, float scale,
                           float* scratch, double* loss);

}  // namespace autoresearch::kernels

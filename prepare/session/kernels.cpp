#include "prepare/session/kernels.h"

#include <cmath>

#include "prepare/session/simd.h"

namespace autoresearch::kernels {
namespace {

constexpr float kEps = 1.1920929e-7f;

template <class V>
AUTORESEARCH_INLINE float dot(const float* a, const float* b, int width) {
    auto sum = V::splat(0);
    for (int i = 0; i < width; i += V::kLanes) sum += V::load(a + i) * V::load(b + i);
    return V::sum(sum);
}

}  // namespace

bool& plain_path() {
    static bool plain = false;
    return plain;
}

void rms_norm(const float* x, std::int64_t rows, int width, float* y, float* inverse) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        for (std::int64_t r = 0; r < rows; ++r) {
            const float* row = x + r * width;
            const float scale = 1 / std::sqrt(dot<V>(row, row, width) / static_cast<float>(width) + kEps);
            for (int i = 0; i < width; i += V::kLanes) V::store(y + r * width + i, V::load(row + i) * scale);
            inverse[r] = scale;
        }
    });
}

// With y = x s: dx = s (g - y mean(g y)).
void rms_norm_backward(const float* grad, const float* y, const float* inverse, std::int64_t rows, int width,
                       float* dx) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        for (std::int64_t r = 0; r < rows; ++r) {
            const float *g = grad + r * width, *row = y + r * width;
            const float mean = dot<V>(g, row, width) / static_cast<float>(width);
            for (int i = 0; i < width; i += V::kLanes)
                V::store(dx + r * width + i, (V::load(g + i) - V::load(row + i) * mean) * inverse[r]);
        }
    });
}

void relu_squared(const float* x, std::int64_t count, float* y) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        for (std::int64_t i = 0; i < count; i += V::kLanes) {
            const auto v = V::load(x + i);
            V::store(y + i, v < 0 ? V::splat(0) : v * v);
        }
    });
}

void relu_squared_backward(const float* grad, const float* x, std::int64_t count, float* dx) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        for (std::int64_t i = 0; i < count; i += V::kLanes) {
            const auto v = V::load(x + i);
            V::store(dx + i, v < 0 ? V::splat(0) : 2 * v * V::load(grad + i));
        }
    });
}

void scaled_sum(float a, const float* x, float b, const float* x0, std::int64_t count, float* y) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        for (std::int64_t i = 0; i < count; i += V::kLanes)
            V::store(y + i, V::load(x + i) * a + V::load(x0 + i) * b);
    });
}

void scaled_sum_backward(float a, const float* x, float b, const float* x0, const float* grad,
                         std::int64_t count, float* dx, float* dx0, double* sums) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        constexpr std::int64_t kBlock = 1024;  // floats add up over one block only, then go on in double
        for (std::int64_t first = 0; first < count; first += kBlock) {
            const std::int64_t last = first + kBlock < count ? first + kBlock : count;
            auto da = V::splat(0);
            auto db = V::splat(0);
            for (std::int64_t i = first; i < last; i += V::kLanes) {
                const auto g = V::load(grad + i);
                da += g * V::load(x + i);
                db += g * V::load(x0 + i);
                V::store(dx + i, g * a);
                V::store(dx0 + i, g * b);
            }
            sums[0] += V::sum(da);
            sums[1] += V::sum(db);
        }
    });
}

void rotary_norm(const float* x, const float* cos, const float* sin, int heads, int dim, float* y,
                 float* inverse) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        const int half = dim / 2;
        for (std::int64_t h = 0; h < heads; ++h) {
            const float* from = x + h * dim;
            float* to = y + h * dim;
            auto squares = V::splat(0);
            for (int i = 0; i < half; i += V::kLanes) {
                const auto c = V::load(cos + i), s = V::load(sin + i), x1 = V::load(from + i),
                           x2 = V::load(from + half + i);
                const auto y1 = x1 * c + x2 * s, y2 = x2 * c - x1 * s;
                squares += y1 * y1 + y2 * y2;
                V::store(to + i, y1);
                V::store(to + half + i, y2);
            }
            const float scale = 1 / std::sqrt(V::sum(squares) / static_cast<float>(dim) + kEps);
            for (int i = 0; i < dim; i += V::kLanes) V::store(to + i, V::load(to + i) * scale);
            inverse[h] = scale;
        }
    });
}

void rotary_norm_backward(const float* grad, const float* y, const float* inverse, const float* cos,
                          const float* sin, int heads, int dim, float* dx) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        const int half = dim / 2;
        for (std::int64_t h = 0; h < heads; ++h) {
            const float *g = grad + h * dim, *row = y + h * dim;
            float* to = dx + h * dim;
            const float mean = dot<V>(g, row, dim) / static_cast<float>(dim);
            for (int i = 0; i < half; i += V::kLanes) {
                const auto c = V::load(cos + i), s = V::load(sin + i);
                const auto d1 = (V::load(g + i) - V::load(row + i) * mean) * inverse[h];
                const auto d2 = (V::load(g + half + i) - V::load(row + half + i) * mean) * inverse[h];
                V::store(to + i, d1 * c - d2 * s);
                V::store(to + half + i, d1 * s + d2 * c);
            }
        }
    });
}

void softcap_cross_entropy(float* logits, int vocab, std::int64_t target, float softcap, float scale,
                           float* scratch, double* loss) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        const float shrink = 1 / softcap;
        auto sum = V::splat(0);
        for (int i = 0; i < vocab; i += V::kLanes) {
            const auto t = V::tanh(V::load(logits + i) * shrink);
            const auto e = V::exp((t - 1.0f) * softcap);  // at most 1
            sum += e;
            V::store(logits + i, t);
            V::store(scratch + i, e);
        }
        const float total = V::sum(sum);
        const float t = logits[target];
        *loss = std::log(static_cast<double>(total)) + static_cast<double>(softcap) * (1 - t);
        const float share = scale / total;
        for (int i = 0; i < vocab; i += V::kLanes) {
            const auto u = V::load(logits + i);
            V::store(logits + i, V::load(scratch + i) * share * (1.0f - u * u));
        }
        logits[target] -= scale * (1 - t * t);
    });
}

}  // namespace autoresearch::kernels

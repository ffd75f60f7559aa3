#include "prepare/metric/nats.h"

#include <cmath>

#include "prepare/kernels/simd.h"

namespace autoresearch {
namespace {

AUTORESEARCH_INLINE float as_float(float x) {
    return x;
}
AUTORESEARCH_INLINE float as_float(std::uint16_t x) {
    const std::uint32_t bits = static_cast<std::uint32_t>(x) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

/// The largest logit in a row; NaN if any is.
template <class V, class Number>
AUTORESEARCH_INLINE float largest(const Number* row, int vocab) {
    auto top = V::splat(-INFINITY), nans = V::splat(0);
    int i = 0;
    for (; i + V::kLanes <= vocab; i += V::kLanes) {
        const auto x = V::load(row + i);
        top = V::max(x, top);
        nans += x != x ? V::splat(1) : V::splat(0);  // NOLINT(misc-redundant-expression): true for NaN only
    }
    float max = V::largest(top);
    bool nan = V::sum(nans) > 0;
    for (; i < vocab; ++i) {
        const float x = as_float(row[i]);
        max = x > max ? x : max;
        nan = nan || x != x;
    }
    return nan ? NAN : max;
}

/// The sum of exp(x - max).
template <class V, class Number>
AUTORESEARCH_INLINE double exp_sum(const Number* row, int vocab, float max) {
    constexpr int kBlock = 256;  // sum in float over one block only, then in double
    double total = 0;
    int i = 0;
    for (; i + kBlock <= vocab; i += kBlock) {
        auto part = V::splat(0);
        for (int j = 0; j < kBlock; j += V::kLanes) part += V::exp(V::load(row + i + j) - max);
        total += V::sum(part);
    }
    for (; i < vocab; ++i) total += std::exp(static_cast<double>(as_float(row[i])) - max);
    return total;
}

const char* refusal_of(float max) {
    if (std::isnan(max)) return "logits are not finite: there is a NaN among them";
    if (max == INFINITY) return "logits are not finite: there is a +infinity among them";
    if (std::abs(max) > kLargestLogit) return "the largest logit of a position is beyond 1e4 in size";
    return nullptr;
}

}  // namespace

template <class Number>
const char* token_nats(const Number* logits, std::int64_t rows, int vocab, const std::int64_t* targets,
                       double* nats) {
    const char* refusal = nullptr;
    simd::dispatch([=, why = &refusal](auto vec) AUTORESEARCH_INLINED {
        using V = decltype(vec);
        for (std::int64_t r = 0; r < rows; ++r) {
            const Number* row = logits + r * vocab;
            const float max = largest<V>(row, vocab);
            *why = refusal_of(max);
            if (*why != nullptr) return;
            if (targets[r] < 0 || targets[r] >= vocab) {
                *why = "a target is outside the vocabulary";
                return;
            }
            const double behind = static_cast<double>(max) - as_float(row[targets[r]]);
            nats[r] = behind + std::log(exp_sum<V>(row, vocab, max));
        }
    });
    return refusal;
}

template const char* token_nats(const float*, std::int64_t, int, const std::int64_t*, double*);
template const char* token_nats(const std::uint16_t*, std::int64_t, int, const std::int64_t*, double*);

}  // namespace autoresearch

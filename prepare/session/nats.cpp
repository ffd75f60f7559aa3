#include "prepare/session/nats.h"

#include <cmath>

#include "prepare/session/simd.h"

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

// log(sum(exp(row))); not finite if any logit is not.
template <class V, class Number>
AUTORESEARCH_INLINE double log_sum_exp(const Number* row, int vocab) {
    constexpr int kBlock = 256;  // floats add up over one block only, then go on in double
    auto top = V::splat(-INFINITY), bad = V::splat(0);
    int i = 0;
    for (; i + V::kLanes <= vocab; i += V::kLanes) {
        const auto x = V::load(row + i);
        top = x > top ? x : top;
        bad += x - x;  // NOLINT: 0, or NaN for what is not finite
    }
    float max = V::largest(top), tail_bad = V::sum(bad);
    for (int j = i; j < vocab; ++j) {
        const float x = as_float(row[j]);
        max = x > max ? x : max;
        tail_bad += x - x;  // NOLINT
    }
    if (!(tail_bad == 0)) return NAN;
    double total = 0;
    for (i = 0; i + kBlock <= vocab; i += kBlock) {
        auto part = V::splat(0);
        for (int j = 0; j < kBlock; j += V::kLanes) part += V::exp(V::load(row + i + j) - max);
        total += V::sum(part);
    }
    for (; i < vocab; ++i) total += std::exp(static_cast<double>(as_float(row[i])) - max);
    return max + std::log(total);
}

}  // namespace

template <class Number>
NatsSum sum_nats(const Number* logits, std::int64_t rows, int vocab, const std::int64_t* targets,
                 const int* token_bytes) {
    NatsSum sum;
    simd::dispatch([=, to = &sum](auto vec) AUTORESEARCH_INLINED {
        for (std::int64_t r = 0; r < rows; ++r) {
            const Number* row = logits + r * vocab;
            const std::int64_t target = targets[r];
            const double total = log_sum_exp<decltype(vec)>(row, vocab);
            if (!(total == total) || target < 0 || target >= vocab) {
                to->finite = false;
                return;
            }
            if (token_bytes[target] == 0) continue;
            to->nats += total - as_float(row[target]);
            to->bytes += token_bytes[target];
        }
    });
    return sum;
}

template NatsSum sum_nats(const float*, std::int64_t, int, const std::int64_t*, const int*);
template NatsSum sum_nats(const std::uint16_t*, std::int64_t, int, const std::int64_t*, const int*);

}  // namespace autoresearch

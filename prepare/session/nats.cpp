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
    using Floats = typename V::Floats;  // NOLINT: older clang wants the word
    constexpr int kBlock = 256;         // floats add up over one block only, then go on in double
    Floats top = V::splat(-INFINITY);
    Floats bad = V::splat(0);  // x - x is 0, or NaN for what is not finite
    int i = 0;
    for (; i + V::kLanes <= vocab; i += V::kLanes) {
        const Floats x = V::load(row + i);
        top = V::max(top, x);
        bad += x - x;  // NOLINT: not zero for what is not finite
    }
    float max = V::largest(top);
    float tail_bad = V::sum(bad);
    for (int j = i; j < vocab; ++j) {
        const float x = as_float(row[j]);
        max = x > max ? x : max;
        tail_bad += x - x;  // NOLINT
    }
    if (!(tail_bad == 0)) return NAN;
    double total = 0;
    for (i = 0; i + kBlock <= vocab; i += kBlock) {
        Floats part = V::splat(0);
        for (int j = 0; j < kBlock; j += V::kLanes) part += V::exp(V::load(row + i + j) - max);
        total += V::sum(part);
    }
    for (; i < vocab; ++i) total += std::exp(static_cast<double>(as_float(row[i])) - max);
    return max + std::log(total);
}

template <class Number>
void sum_rows(const Number* logits, std::int64_t rows, int vocab, const std::int64_t* targets,
              const int* token_bytes, NatsSum* sum) {
    simd::dispatch([=](auto vec) AUTORESEARCH_INLINED {
        for (std::int64_t r = 0; r < rows; ++r) {
            const Number* row = logits + r * vocab;
            const std::int64_t target = targets[r];
            const double total = log_sum_exp<decltype(vec)>(row, vocab);
            if (!(total == total) || target < 0 || target >= vocab) {
                sum->finite = false;
                return;
            }
            if (token_bytes[target] == 0) continue;
            sum->nats += total - as_float(row[target]);
            sum->bytes += token_bytes[target];
        }
    });
}

}  // namespace

void sum_nats(const float* logits, std::int64_t rows, int vocab, const std::int64_t* targets,
              const int* token_bytes, NatsSum* sum) {
    sum_rows(logits, rows, vocab, targets, token_bytes, sum);
}

void sum_nats_bf16(const std::uint16_t* logits, std::int64_t rows, int vocab, const std::int64_t* targets,
                   const int* token_bytes, NatsSum* sum) {
    sum_rows(logits, rows, vocab, targets, token_bytes, sum);
}

}  // namespace autoresearch

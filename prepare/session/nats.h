#pragma once

#include <cstdint>

namespace autoresearch {

/// What a slice of the evaluation adds up to.
struct NatsSum {
    double nats = 0;         // -log softmax(logits)[target], summed over the targets that have bytes
    std::int64_t bytes = 0;  // UTF-8 bytes of these targets
    bool finite = true;      // every logit is
};

/// Cross-entropy straight from logits (rows, vocab), row-major, fp32. Targets with token_bytes 0 (the
/// specials) count in neither sum; a target outside [0, vocab) makes `finite` false. Sums in double. No
/// torch; safe to call from many threads.
void sum_nats(const float* logits, std::int64_t rows, int vocab, const std::int64_t* targets,
              const int* token_bytes, NatsSum* sum);
/// The same from bf16.
void sum_nats_bf16(const std::uint16_t* logits, std::int64_t rows, int vocab, const std::int64_t* targets,
                   const int* token_bytes, NatsSum* sum);

}  // namespace autoresearch

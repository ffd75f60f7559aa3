#pragma once

#include <cstdint>

namespace autoresearch {

/// What a slice of the evaluation adds up to.
struct NatsSum {
    double nats = 0;         // -log softmax(logits)[target], summed over the targets that have bytes
    std::int64_t bytes = 0;  // UTF-8 bytes of these targets
    bool finite = true;      // every logit is

    void add(const NatsSum& other) {
        nats += other.nats;
        bytes += other.bytes;
        finite = finite && other.finite;
    }
};

/// Cross-entropy straight from logits (rows, vocab), row-major: fp32, or bf16 as std::uint16_t. Targets with
/// token_bytes 0 (the specials) count in neither sum; a target outside [0, vocab) makes `finite` false. Sums
/// in double. No torch; safe to call from many threads.
template <class Number>
NatsSum sum_nats(const Number* logits, std::int64_t rows, int vocab, const std::int64_t* targets,
                 const int* token_bytes);

}  // namespace autoresearch

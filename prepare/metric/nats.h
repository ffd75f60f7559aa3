#pragma once

#include <cstdint>

namespace autoresearch {

/// A row whose largest logit is bigger than this is refused. Far beyond any model's logits, yet floats still
/// distinguish logits here that differ by a thousandth.
inline constexpr double kLargestLogit = 1e4;

/// Cross-entropy of each position straight from logits (rows, vocab), row-major: fp32, or bf16 as
/// std::uint16_t: nats[r] = -log softmax(logits[r])[targets[r]] = (max - x_target) + log(sum of exp(x -
/// max)), taking the difference first and in double, so that nothing cancels. Logits may be as low as
/// -infinity, which masks a token: as a target it costs +infinity. Returns why the logits are refused, or
/// null. The reasons are NaN, +infinity, a row whose largest logit is beyond kLargestLogit in size, and a
/// target outside [0, vocab); nats are then incomplete. No torch; safe to call from many threads.
template <class Number>
const char* token_nats(const Number* logits, std::int64_t rows, int vocab, const std::int64_t* targets,
                       double* nats);

}  // namespace autoresearch

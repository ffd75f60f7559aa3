#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include "prepare/data/files.h"

namespace autoresearch {

/// A rule of the metric was broken; what() says which, in one line.
struct BrokenRule : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// MiB of fp32 logits that an evaluation requests at a time.
double logit_slice_mb(at::Device device);

using LogitsFunction = std::function<at::Tensor(const at::Tensor& tokens)>;

/// Largest difference, in nats, between two log-probabilities of the same true next token that the look-ahead
/// check allows, however large the logits are. Both sides run with the same shapes, so on the CPU they agree
/// to the last bit, except for how libraries treat alignment; a GPU may sum in another order.
inline constexpr double kLookAheadNatsCpu = 1e-4;
inline constexpr double kLookAheadNatsGpu = 0.03;

/// Bits per byte over the first eval_tokens target tokens of a split ("val" or "test"), packed in the shard's
/// order. Requests logits in slices of whole rows, at most 256 MiB of fp32 each. In the first slice, once
/// more at the end, and in a slice drawn at random, random rows get different text after a random position:
/// the log-probabilities of the true tokens up to it, and of the untouched rows, must not change, so that a
/// model neither looks ahead nor changes while it is measured. Throws BrokenRule if they do, for a wrong
/// shape or type, and for logits that token_nats() refuses.
double bits_per_byte(const LogitsFunction& logits, const DataMeta& meta, const std::filesystem::path& data,
                     const std::string& split, std::int64_t eval_tokens, at::Device device);

}  // namespace autoresearch

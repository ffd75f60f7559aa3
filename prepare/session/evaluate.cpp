#include "prepare/session/evaluate.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <random>
#include <vector>

#include "autoresearch/error.h"
#include "prepare/data/packer.h"
#include "prepare/data/tokenizer.h"
#include "prepare/session/nats.h"

namespace autoresearch {
namespace {

using at::Tensor;

constexpr std::int64_t kGpuLogitBytes = 256 << 20;
constexpr std::int64_t kCpuLogitBytes = 16 << 20;  // smaller, to stay near the caches

/// Logits of one slice as fp32 or bf16 on the device, checked for shape and type.
Tensor checked_logits(const LogitsFunction& function, const Tensor& tokens, int vocab_size) {
    Tensor logits = function(tokens);
    const std::vector<std::int64_t> shape = {tokens.size(0), tokens.size(1), vocab_size};
    if (!logits.defined() || logits.sizes() != shape)
        throw BrokenRule(c10::str("logits must have the shape ", at::IntArrayRef(shape),
                                  logits.defined() ? c10::str(", not ", logits.sizes()) : ""));
    if (!logits.is_floating_point()) throw BrokenRule("logits must be floating-point numbers");
    if (logits.scalar_type() != at::kFloat && logits.scalar_type() != at::kBFloat16)
        logits = logits.to(at::kFloat);
    return logits.contiguous();
}

/// One sum for each row of tokens, added up in order: the same result whatever thread did which.
template <class Number>
NatsSum sum_rows(const Number* logits, int vocab, const Tensor& targets,
                 const std::vector<int>& token_bytes) {
    const std::int64_t rows = targets.size(0), length = targets.size(1);
    const std::int64_t* target = targets.const_data_ptr<std::int64_t>();
    std::vector<NatsSum> sums(static_cast<std::size_t>(rows));
    at::parallel_for(0, rows, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i)
            sums[static_cast<std::size_t>(i)] =
                sum_nats(logits + i * length * vocab, length, vocab, target + i * length, token_bytes.data());
    });
    NatsSum total;
    for (const NatsSum& sum : sums) total.add(sum);
    return total;
}

NatsSum sum_slice(const Tensor& on_device, const Tensor& targets, const std::vector<int>& token_bytes) {
    const Tensor logits = on_device.cpu();
    const int vocab = static_cast<int>(logits.size(2));
    return logits.scalar_type() == at::kFloat
               ? sum_rows(logits.const_data_ptr<float>(), vocab, targets, token_bytes)
               : sum_rows(static_cast<const std::uint16_t*>(logits.const_data_ptr()), vocab, targets,
                          token_bytes);
}

/// Every other row, at least one, gets random tokens after a random position.
void check_look_ahead(const LogitsFunction& function, const Tensor& tokens, const Tensor& logits,
                      const DataMeta& meta, std::mt19937& random) {
    const std::int64_t rows = tokens.size(0), length = tokens.size(1), vocab = logits.size(2);
    if (length < 2) return;
    Tensor altered = tokens.cpu().clone();
    auto* ids = altered.data_ptr<std::int64_t>();
    std::vector<std::int64_t> kept(static_cast<std::size_t>(rows), length);  // positions that must not change
    const std::int64_t chosen = std::uniform_int_distribution<std::int64_t>(0, 1)(random);
    std::uniform_int_distribution<std::int64_t> any_position(1, length - 1), any_token(0, meta.bos - 1);
    for (std::int64_t r = rows == 1 ? 0 : chosen; r < rows; r += 2) {
        kept[static_cast<std::size_t>(r)] = any_position(random);
        for (std::int64_t t = kept[static_cast<std::size_t>(r)]; t < length; ++t)
            ids[r * length + t] = any_token(random);
    }
    const Tensor after =
        checked_logits(function, altered.to(tokens.device()), static_cast<int>(vocab)).to(at::kFloat);
    const Tensor before = logits.to(at::kFloat);
    const double largest = std::max(1.0, before.abs().max().item<double>());
    const double allowed = largest * (tokens.is_cpu() ? kLookAheadToleranceCpu : kLookAheadToleranceGpu);
    for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t n = kept[static_cast<std::size_t>(r)];
        const Tensor change = (after[r].narrow(0, 0, n) - before[r].narrow(0, 0, n)).abs().max();
        const auto difference = change.item<double>();
        if (difference <= allowed) continue;
        throw BrokenRule(n < length
                             ? c10::str("the model looks ahead: other tokens after position ", n - 1,
                                        " changed earlier logits by ", difference)
                             : c10::str("logits of the same tokens changed by ", difference,
                                        ": with the tokens of another row, or from one call to the next"));
    }
}

}  // namespace

double logit_slice_mb(at::Device device) {
    return static_cast<double>(device.is_cpu() ? kCpuLogitBytes : kGpuLogitBytes) / (1 << 20);
}

double bits_per_byte(const LogitsFunction& logits, const DataMeta& meta, const std::filesystem::path& data,
                     const std::string& split, std::int64_t eval_tokens, at::Device device) {
    const at::NoGradGuard no_grad;
    const std::int64_t length = meta.seq_len, all_rows = eval_tokens / length;
    if (all_rows < 1)
        throw UserError("an evaluation of " + std::to_string(eval_tokens) +
                        " tokens is less than one row of " + std::to_string(length));
    const std::vector<int> token_bytes =
        Tokenizer::load(data / "tokenizer.tiktoken", kSplitPattern).token_bytes();
    const Shard shard(data / (split + ".bin"));
    Packer packer(shard, static_cast<int>(length) + 1, /*seed=*/0);

    const std::int64_t row_bytes = 4 * length * meta.vocab_size;
    const std::int64_t limit = device.is_cpu() ? kCpuLogitBytes : kGpuLogitBytes;
    const std::int64_t slice = std::min(all_rows, std::max<std::int64_t>(1, limit / row_bytes));
    const std::int64_t slices = (all_rows + slice - 1) / slice;
    std::random_device entropy;
    std::mt19937 random(entropy());
    const std::int64_t drawn = std::uniform_int_distribution<std::int64_t>(0, slices - 1)(random);

    NatsSum total;
    Tensor first_tokens, first_logits;
    for (std::int64_t i = 0; i < slices; ++i) {
        const std::int64_t rows = std::min(slice, all_rows - i * slice);
        Tensor packed = at::empty({rows, length + 1}, at::kLong);
        packer.next(static_cast<int>(rows), packed.data_ptr<std::int64_t>());
        const Tensor tokens = packed.narrow(1, 0, length).contiguous().to(device);
        const Tensor targets = packed.narrow(1, 1, length).contiguous();
        const Tensor result = checked_logits(logits, tokens, meta.vocab_size);
        total.add(sum_slice(result, targets, token_bytes));
        if (!total.finite) throw BrokenRule("logits are not finite in the evaluation");
        if (i == 0) first_tokens = tokens, first_logits = result;
        if (i == drawn) check_look_ahead(logits, tokens, result, meta, random);
    }
    check_look_ahead(logits, first_tokens, first_logits, meta, random);
    if (total.bytes == 0) throw UserError("the " + split + " split has no text in " + data.string());
    return total.nats / (std::log(2.0) * static_cast<double>(total.bytes));
}

}  // namespace autoresearch

#include "prepare/metric/evaluate.h"

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
#include "prepare/metric/nats.h"

namespace autoresearch {
namespace {

using at::Tensor;

constexpr std::int64_t kGpuLogitBytes = 256 << 20;
constexpr std::int64_t kCpuLogitBytes = 16 << 20;  // smaller, to stay near the caches

/// Rows of a split, and the cost of their true next tokens.
struct Slice {
    Tensor tokens;             // (rows, length) on the device
    Tensor targets;            // (rows, length) on the CPU
    std::vector<double> nats;  // of each position, row by row
};

/// Copies logits as fp32 or bf16 into our own memory: whatever the candidate does to its tensors afterwards
/// changes nothing.
Tensor copied_logits(const Tensor& logits, const Tensor& tokens, int vocab_size) {
    const std::vector<std::int64_t> shape = {tokens.size(0), tokens.size(1), vocab_size};
    if (!logits.defined() || logits.sizes() != shape)
        throw BrokenRule(c10::str("logits must have the shape ", at::IntArrayRef(shape),
                                  logits.defined() ? c10::str(", not ", logits.sizes()) : ""));
    if (!logits.is_floating_point()) throw BrokenRule("logits must be floating-point numbers");
    const auto type = logits.scalar_type() == at::kBFloat16 ? at::kBFloat16 : at::kFloat;
    return at::empty(shape, at::device(at::kCPU).dtype(type)).copy_(logits);
}

/// Runs the model; the order of the sums does not depend on the number of threads.
std::vector<double> measure(const LogitsFunction& function, const Tensor& tokens, const Tensor& targets,
                            int vocab) {
    const Tensor logits = copied_logits(function(tokens), tokens, vocab);
    const std::int64_t rows = targets.size(0), length = targets.size(1);
    const std::int64_t* target = targets.const_data_ptr<std::int64_t>();
    std::vector<double> nats(static_cast<std::size_t>(rows * length));
    std::vector<const char*> refused(static_cast<std::size_t>(rows));
    const auto measure_rows = [&](const auto* numbers) {
        at::parallel_for(0, rows, 1, [&](std::int64_t first, std::int64_t last) {
            for (std::int64_t i = first; i < last; ++i)
                refused[static_cast<std::size_t>(i)] =
                    token_nats(numbers + i * length * vocab, length, vocab, target + i * length,
                               nats.data() + i * length);
        });
    };
    if (logits.scalar_type() == at::kFloat) {
        measure_rows(logits.const_data_ptr<float>());
    } else {
        measure_rows(static_cast<const std::uint16_t*>(logits.const_data_ptr()));
    }
    for (const char* why : refused)
        if (why != nullptr) throw BrokenRule(std::string(why) + ", in the evaluation");
    return nats;
}

/// Gives every other row, at least one, random tokens after a random position.
void check_look_ahead(const LogitsFunction& function, const Slice& slice, const DataMeta& meta,
                      std::mt19937& random) {
    const std::int64_t rows = slice.tokens.size(0), length = slice.tokens.size(1);
    if (length < 2) return;
    Tensor altered = slice.tokens.cpu().clone();
    auto* ids = altered.data_ptr<std::int64_t>();
    std::vector<std::int64_t> kept(static_cast<std::size_t>(rows), length);  // positions that must not change
    const std::int64_t chosen = std::uniform_int_distribution<std::int64_t>(0, 1)(random);
    std::uniform_int_distribution<std::int64_t> any_position(1, length - 1), any_token(0, meta.bos - 1);
    for (std::int64_t r = rows == 1 ? 0 : chosen; r < rows; r += 2) {
        kept[static_cast<std::size_t>(r)] = any_position(random);
        for (std::int64_t t = kept[static_cast<std::size_t>(r)]; t < length; ++t)
            ids[r * length + t] = any_token(random);
    }
    const std::vector<double> after =
        measure(function, altered.to(slice.tokens.device()), slice.targets, meta.vocab_size);
    const double allowed = slice.tokens.is_cpu() ? kLookAheadNatsCpu : kLookAheadNatsGpu;
    for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t n = kept[static_cast<std::size_t>(r)];
        double difference = 0;
        for (auto i = static_cast<std::size_t>(r * length); i < static_cast<std::size_t>(r * length + n); ++i)
            if (after[i] != slice.nats[i])  // a masked special token is infinite in both
                difference = std::max(difference, std::abs(after[i] - slice.nats[i]));
        if (difference <= allowed) continue;
        throw BrokenRule(n < length
                             ? c10::str("the model looks ahead: changing the tokens after position ", n - 1,
                                        " changed earlier logits: a log-probability moved by ", difference)
                             : c10::str("logits of the same tokens changed: a log-probability moved by ",
                                        difference,
                                        ", with other tokens in another row, or from one call to the next"));
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
                        " tokens is shorter than one row of " + std::to_string(length));
    const std::vector<int> token_bytes =
        Tokenizer::load(data / "tokenizer.tiktoken", kSplitPattern).token_bytes();
    const Shard shard(data / (split + ".bin"));
    Packer packer(shard, static_cast<int>(length) + 1, /*seed=*/0);

    const std::int64_t row_bytes = 4 * length * meta.vocab_size;
    const std::int64_t limit = device.is_cpu() ? kCpuLogitBytes : kGpuLogitBytes;
    const std::int64_t slice_rows = std::min(all_rows, std::max<std::int64_t>(1, limit / row_bytes));
    const std::int64_t slices = (all_rows + slice_rows - 1) / slice_rows;
    std::random_device entropy;
    std::mt19937 random(entropy());
    const std::int64_t drawn = std::uniform_int_distribution<std::int64_t>(0, slices - 1)(random);

    double nats = 0;
    std::int64_t bytes = 0;
    Slice first;
    for (std::int64_t i = 0; i < slices; ++i) {
        const std::int64_t rows = std::min(slice_rows, all_rows - i * slice_rows);
        Tensor packed = at::empty({rows, length + 1}, at::kLong);
        packer.next(static_cast<int>(rows), packed.data_ptr<std::int64_t>());
        Slice now{packed.narrow(1, 0, length).contiguous().to(device),
                  packed.narrow(1, 1, length).contiguous(),
                  {}};
        now.nats = measure(logits, now.tokens, now.targets, meta.vocab_size);
        const std::int64_t* target = now.targets.const_data_ptr<std::int64_t>();
        for (std::size_t t = 0; t < now.nats.size(); ++t) {
            const int size = token_bytes[static_cast<std::size_t>(target[t])];
            if (size > 0) nats += now.nats[t];
            bytes += size;
        }
        if (!std::isfinite(nats)) throw BrokenRule("logits are not finite: a true next token has -infinity");
        if (i == drawn) check_look_ahead(logits, now, meta, random);
        if (i == 0) first = std::move(now);
    }
    check_look_ahead(logits, first, meta, random);
    if (bytes == 0) throw UserError("the " + split + " split has no text in " + data.string());
    return nats / (std::log(2.0) * static_cast<double>(bytes));
}

}  // namespace autoresearch

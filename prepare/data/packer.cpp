#include "prepare/data/packer.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "autoresearch/error.h"

namespace autoresearch {
namespace {

/// SplitMix64 (Steele, Lea, Flood): the standard library's shuffles differ from one platform to the next.
std::uint64_t next_random(std::uint64_t& state) {
    std::uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

}  // namespace

Packer::Packer(const Shard& shard, int row_tokens, std::uint64_t seed, std::size_t buffer_documents)
    : shard_(shard),
      row_tokens_(row_tokens),
      seed_(seed),
      buffer_documents_(buffer_documents),
      order_(static_cast<std::size_t>(shard.num_documents())),
      entered_(order_.size()) {
    if (order_.empty()) throw UserError("the shard holds no documents", "prepare the data again");
}

void Packer::refill() {
    if (buffer_.empty() && entered_ == order_.size()) {
        ++epoch_;
        entered_ = 0;
        std::iota(order_.begin(), order_.end(), std::int64_t{0});
        std::uint64_t seed = seed_, random = next_random(seed) + static_cast<std::uint64_t>(epoch_);
        for (std::size_t i = order_.size() - 1; seed_ != 0 && i > 0; --i)
            std::swap(order_[i], order_[next_random(random) % (i + 1)]);
    }
    for (; buffer_.size() < buffer_documents_ && entered_ < order_.size(); ++entered_)
        buffer_.insert({shard_.length(order_[entered_]), arrivals_++, order_[entered_]});
}

Packer::Waiting Packer::take(std::int64_t room) {
    auto chosen = buffer_.lower_bound({room + 1, 0, 0});
    // The first of the longest that fit; when none fits the shortest, which is the very first.
    if (chosen != buffer_.begin()) chosen = buffer_.lower_bound({std::prev(chosen)->length, 0, 0});
    return buffer_.extract(chosen).value();
}

void Packer::next(int rows, std::int64_t* out) {
    for (int row = 0; row < rows; ++row)
        for (std::int64_t room = row_tokens_; room > 0;) {
            refill();
            const Waiting document = take(room);
            const std::int64_t count = std::min(document.length, room);
            shard_.copy(document.document, count, out);
            out += count;
            room -= count;
        }
}

std::int64_t rows_of_one_epoch(const Shard& shard, int row_tokens) {
    Packer packer(shard, row_tokens, 0);
    std::vector<std::int64_t> row(static_cast<std::size_t>(row_tokens));
    for (std::int64_t rows = 0;; ++rows) {
        packer.next(1, row.data());
        if (packer.epoch() > 1) return rows;
    }
}

Prefetcher::Prefetcher(const Shard& shard, int rows, int row_tokens, std::uint64_t seed)
    : packer_(shard, row_tokens, seed),
      rows_(rows),
      current_(static_cast<std::size_t>(rows) * static_cast<std::size_t>(row_tokens)),
      ahead_(current_.size()) {
    pack();
}

const std::vector<std::int64_t>& Prefetcher::next() {
    packing_.get();
    epoch_ = packer_.epoch();
    current_.swap(ahead_);
    pack();
    return current_;
}

void Prefetcher::pack() {
    packing_ = std::async(std::launch::async, [this] { packer_.next(rows_, ahead_.data()); });
}

}  // namespace autoresearch

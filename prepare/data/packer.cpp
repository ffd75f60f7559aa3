#include "prepare/data/packer.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "autoresearch/error.h"

namespace autoresearch {
namespace {

/// SplitMix64 (Steele, Lea, Flood): the standard library's shuffles differ from one platform to the next.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

  private:
    std::uint64_t state_;
};

}  // namespace

Packer::Packer(const Shard& shard, int row_tokens, std::uint64_t seed, int buffer_documents)
    : shard_(shard),
      row_tokens_(row_tokens),
      seed_(seed),
      buffer_documents_(static_cast<std::size_t>(buffer_documents)),
      order_(static_cast<std::size_t>(shard.num_documents())) {
    if (order_.empty()) throw UserError("the shard holds no documents", "prepare the data again");
    begin_epoch(1);
}

void Packer::begin_epoch(std::int64_t number) {
    epoch_ = number;
    entered_ = 0;
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
    if (seed_ == 0) return;
    Random random(Random(seed_).next() + static_cast<std::uint64_t>(epoch_));
    for (std::size_t i = order_.size() - 1; i > 0; --i) std::swap(order_[i], order_[random.next() % (i + 1)]);
}

void Packer::refill() {
    if (buffer_.empty() && entered_ == order_.size()) begin_epoch(epoch_ + 1);
    for (; buffer_.size() < buffer_documents_ && entered_ < order_.size(); ++entered_)
        buffer_.insert({shard_.length(order_[entered_]), arrivals_++, order_[entered_]});
}

Packer::Waiting Packer::take(std::int64_t room) {
    auto chosen = buffer_.lower_bound({room + 1, 0, 0});
    if (chosen == buffer_.begin()) {
        // None fits: the shortest, which is the first.
    } else {
        chosen = buffer_.lower_bound({std::prev(chosen)->length, 0, 0});
    }
    const Waiting document = *chosen;
    buffer_.erase(chosen);
    return document;
}

void Packer::fill_row(std::int64_t* out) {
    for (std::int64_t filled = 0; filled < row_tokens_;) {
        refill();
        const std::int64_t room = row_tokens_ - filled;
        const Waiting document = take(room);
        const std::int64_t count = std::min(document.length, room);
        shard_.copy(document.document, count, out + filled);
        filled += count;
    }
}

void Packer::next(int rows, std::int64_t* out) {
    for (int row = 0; row < rows; ++row) fill_row(out + row * row_tokens_);
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
    : packer_(shard, row_tokens, seed), rows_(rows), ahead_(pack({})) {}

const std::vector<std::int64_t>& Prefetcher::next() {
    Batch batch = ahead_.get();
    ahead_ = pack(std::exchange(current_, std::move(batch)).ids);
    return current_.ids;
}

std::future<Prefetcher::Batch> Prefetcher::pack(std::vector<std::int64_t> space) {
    return std::async(std::launch::async, [this, ids = std::move(space)]() mutable {
        ids.resize(static_cast<std::size_t>(rows_ * packer_.row_tokens()));
        packer_.next(rows_, ids.data());
        return Batch{std::move(ids), packer_.epoch()};
    });
}

}  // namespace autoresearch

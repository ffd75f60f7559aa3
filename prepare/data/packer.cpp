#include "prepare/data/packer.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>
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

struct Packer::State {
    /// In the order of the choice: length, then who came first.
    struct Waiting {
        std::int64_t length, arrival, document;
        bool operator<(const Waiting& other) const {
            return std::pair(length, arrival) < std::pair(other.length, other.arrival);
        }
    };

    State(const Shard& s, int tokens, std::uint64_t first_seed, int documents)
        : shard(s),
          row_tokens(tokens),
          seed(first_seed),
          buffer_documents(static_cast<std::size_t>(documents)) {
        if (shard.num_documents() == 0)
            throw UserError("the shard holds no documents", "prepare the data again");
        order.resize(static_cast<std::size_t>(shard.num_documents()));
        begin_epoch(1);
    }

    void begin_epoch(std::int64_t number) {
        epoch = number;
        entered = 0;
        std::iota(order.begin(), order.end(), std::int64_t{0});
        if (seed == 0) return;
        Random random(Random(seed).next() + static_cast<std::uint64_t>(epoch));
        for (std::size_t i = order.size() - 1; i > 0; --i)
            std::swap(order[i], order[random.next() % (i + 1)]);
    }

    void refill() {
        if (buffer.empty() && entered == order.size()) begin_epoch(epoch + 1);
        for (; buffer.size() < buffer_documents && entered < order.size(); ++entered)
            buffer.insert({shard.length(order[entered]), arrivals++, order[entered]});
    }

    Waiting take(std::int64_t room) {
        auto chosen = buffer.lower_bound({room + 1, 0, 0});
        if (chosen == buffer.begin()) {
            // None fits: the shortest, which is the first.
        } else {
            chosen = buffer.lower_bound({std::prev(chosen)->length, 0, 0});
        }
        const Waiting document = *chosen;
        buffer.erase(chosen);
        return document;
    }

    void fill_row(std::int64_t* out) {
        for (std::int64_t filled = 0; filled < row_tokens;) {
            refill();
            const std::int64_t room = row_tokens - filled;
            const Waiting document = take(room);
            const std::int64_t count = std::min(document.length, room);
            shard.copy(document.document, count, out + filled);
            filled += count;
        }
    }

    const Shard& shard;
    const std::int64_t row_tokens;
    const std::uint64_t seed;
    const std::size_t buffer_documents;
    std::vector<std::int64_t> order;  // of this epoch
    std::size_t entered = 0;          // of `order`, so many have entered the buffer
    std::int64_t epoch = 1;
    std::int64_t arrivals = 0;
    std::set<Waiting> buffer;
};

Packer::Packer(const Shard& shard, int row_tokens, std::uint64_t seed, int buffer_documents)
    : state_(std::make_unique<State>(shard, row_tokens, seed, buffer_documents)) {}
Packer::~Packer() = default;

void Packer::next(int rows, std::int64_t* out) {
    for (int row = 0; row < rows; ++row) state_->fill_row(out + row * state_->row_tokens);
}

std::int64_t Packer::epoch() const {
    return state_->epoch;
}

std::int64_t rows_of_one_epoch(const Shard& shard, int row_tokens) {
    Packer packer(shard, row_tokens, 0);
    std::vector<std::int64_t> row(static_cast<std::size_t>(row_tokens));
    for (std::int64_t rows = 0;; ++rows) {
        packer.next(1, row.data());
        if (packer.epoch() > 1) return rows;
    }
}

struct Prefetcher::State {
    struct Batch {
        std::vector<std::int64_t> ids;
        std::int64_t epoch = 1;
    };

    State(const Shard& shard, int row_count, int row_tokens, std::uint64_t seed, int batches_ahead)
        : packer(shard, row_tokens, seed), rows(row_count), ahead(static_cast<std::size_t>(batches_ahead)) {
        current.ids.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(row_tokens));
        spare.assign(ahead, current);
    }

    void work() {
        std::unique_lock lock(mutex);
        while (true) {
            changed.wait(lock, [&] { return stop || !spare.empty(); });
            if (stop) return;
            Batch batch = std::move(spare.back());
            spare.pop_back();
            lock.unlock();
            packer.next(rows, batch.ids.data());
            batch.epoch = packer.epoch();
            lock.lock();
            ready.push_back(std::move(batch));
            changed.notify_all();
        }
    }

    Packer packer;
    const int rows;
    const std::size_t ahead;
    Batch current;
    std::vector<Batch> spare;  // to be filled
    std::deque<Batch> ready;
    bool stop = false;
    std::mutex mutex;
    std::condition_variable changed;
    std::thread thread;
};

Prefetcher::Prefetcher(const Shard& shard, int rows, int row_tokens, std::uint64_t seed, int batches_ahead)
    : state_(std::make_unique<State>(shard, rows, row_tokens, seed, batches_ahead)) {
    state_->thread = std::thread([state = state_.get()] { state->work(); });
}

Prefetcher::~Prefetcher() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->stop = true;
    }
    state_->changed.notify_all();
    state_->thread.join();
}

const std::vector<std::int64_t>& Prefetcher::next() {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [&] { return !state_->ready.empty(); });
    std::swap(state_->current, state_->ready.front());
    state_->spare.push_back(std::move(state_->ready.front()));
    state_->ready.pop_front();
    state_->changed.notify_all();
    return state_->current.ids;
}

std::int64_t Prefetcher::epoch() const {
    return state_->current.epoch;
}

}  // namespace autoresearch

#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <future>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

namespace autoresearch {

/// Numbers 0 .. count-1, each for one thread at a time.
class Seats {
  public:
    explicit Seats(std::size_t count) {
        while (count > 0) free_.push_back(--count);
    }
    /// Waits until one is free.
    std::size_t take() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !free_.empty(); });
        const std::size_t seat = free_.back();
        free_.pop_back();
        return seat;
    }
    void give_back(std::size_t seat) {
        const std::lock_guard lock(mutex_);
        free_.push_back(seat);
        changed_.notify_one();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::size_t> free_;
};

/// For each of a sequence of items: bool read(Item&) and consume(result) on the calling thread, in order;
/// result work(Item&, seat) on `threads` threads beside it, where no two share a seat at a time. Few items
/// are held at any time. The first exception of any step ends all of it.
template <class Item, class Read, class Work, class Consume>
void ordered_pipeline(std::size_t threads, Read&& read, Work&& work, Consume&& consume) {
    Seats seats(threads);
    std::deque<std::future<std::invoke_result_t<Work, Item&, std::size_t>>> ahead;
    const auto consume_first = [&] {
        auto result = ahead.front().get();
        ahead.pop_front();
        consume(result);
    };
    for (Item item; read(item); item = Item()) {
        ahead.push_back(std::async(std::launch::async, [&seats, &work, own = std::move(item)]() mutable {
            struct Seat {
                Seats& seats;
                const std::size_t number = seats.take();
                ~Seat() { seats.give_back(number); }
            } const seat{seats};
            return work(own, seat.number);
        }));
        if (ahead.size() == 4 * threads) consume_first();
    }
    while (!ahead.empty()) consume_first();
}

}  // namespace autoresearch

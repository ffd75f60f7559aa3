#pragma once

#include <cstddef>
#include <deque>
#include <future>
#include <semaphore>
#include <type_traits>
#include <utility>

namespace autoresearch {

/// For each of a sequence of items: bool read(Item&) and consume(result) on the calling thread, in order;
/// result work(Item&) on `threads` threads beside it. Few items are held at any time. The first exception of
/// any step ends all of it.
template <class Item, class Read, class Work, class Consume>
void ordered_pipeline(std::size_t threads, Read&& read, Work&& work, Consume&& consume) {
    std::counting_semaphore<> idle(static_cast<std::ptrdiff_t>(threads));
    std::deque<std::future<std::invoke_result_t<Work, Item&>>> ahead;
    const auto consume_first = [&] {
        auto result = ahead.front().get();
        ahead.pop_front();
        consume(result);
    };
    for (Item item; read(item); item = Item()) {
        ahead.push_back(std::async(std::launch::async, [&idle, &work, own = std::move(item)]() mutable {
            struct Turn {
                std::counting_semaphore<>& idle;
                explicit Turn(std::counting_semaphore<>& all) : idle(all) { idle.acquire(); }
                ~Turn() { idle.release(); }
            } const turn(idle);
            return work(own);
        }));
        if (ahead.size() == 4 * threads) consume_first();
    }
    while (!ahead.empty()) consume_first();
}

}  // namespace autoresearch

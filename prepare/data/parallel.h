#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace autoresearch {

/// Three steps for each of a sequence of batches: `read` one (never two at once, in order, on any thread),
/// `work` on it (on all threads, side by side), `consume` the result (on the calling thread, in the order of
/// reading). Few batches are held at any time. The first exception of any step ends all of it and is thrown
/// on.
template <class Batch, class Result>
class OrderedPipeline {
  public:
    std::function<bool(Batch&)> read;  // false: no more
    std::function<Result(Batch&, std::size_t thread)> work;
    std::function<void(Result&)> consume;

    void run(std::size_t threads) {
        std::vector<std::thread> workers;
        workers.reserve(threads);
        for (std::size_t i = 0; i < threads; ++i)
            workers.emplace_back([this, i, threads] { guarded(i, threads); });
        try {
            consume_all(threads);
        } catch (...) {
            fail(std::current_exception());
        }
        for (std::thread& worker : workers) worker.join();
        if (error_) std::rethrow_exception(error_);
    }

  private:
    void guarded(std::size_t thread, std::size_t threads) {
        try {
            work_all(thread, 4 * threads);
        } catch (...) {
            fail(std::current_exception());
        }
        const std::lock_guard lock(mutex_);
        ++finished_;
        changed_.notify_all();
    }

    void work_all(std::size_t thread, std::uint64_t most_ahead) {
        while (true) {
            Batch batch;
            std::uint64_t number = 0;
            {
                const std::lock_guard one_reader(read_mutex_);
                {
                    std::unique_lock lock(mutex_);
                    changed_.wait(lock, [&] { return error_ || read_count_ < consumed_ + most_ahead; });
                    if (error_ || at_end_) return;
                }
                const bool more = read(batch);
                const std::lock_guard lock(mutex_);
                if (!more) at_end_ = true;
                if (!more) return;
                number = read_count_++;
            }
            Result result = work(batch, thread);
            const std::lock_guard lock(mutex_);
            done_.emplace(number, std::move(result));
            changed_.notify_all();
        }
    }

    void consume_all(std::size_t threads) {
        std::unique_lock lock(mutex_);
        while (true) {
            changed_.wait(lock, [&] { return error_ || done_.count(consumed_) > 0 || finished_ == threads; });
            if (error_ || done_.count(consumed_) == 0) return;
            auto node = done_.extract(consumed_);
            lock.unlock();
            consume(node.mapped());
            lock.lock();
            ++consumed_;
            changed_.notify_all();
        }
    }

    void fail(std::exception_ptr error) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::move(error);
        changed_.notify_all();
    }

    std::mutex read_mutex_, mutex_;
    std::condition_variable changed_;
    std::map<std::uint64_t, Result> done_;  // not consumed yet
    std::uint64_t read_count_ = 0, consumed_ = 0;
    std::size_t finished_ = 0;
    bool at_end_ = false;
    std::exception_ptr error_;
};

}  // namespace autoresearch

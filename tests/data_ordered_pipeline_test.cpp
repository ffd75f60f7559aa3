#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <thread>

#include "prepare/data/ordered_pipeline.h"

namespace autoresearch {
namespace {

class OrderedPipelineTest : public ::testing::TestWithParam<std::size_t> {
  protected:
    OrderedPipelineTest() {
        read_ = [this](int& batch) { return batch = next_, next_++ < 500; };
        work_ = [](int& batch) {
            if (batch % 7 == 0) std::this_thread::yield();
            return batch * 2;
        };
        consume_ = [this](int& result) { results_.push_back(result); };
    }

    void run() { ordered_pipeline<int>(GetParam(), read_, work_, consume_); }

    std::function<bool(int&)> read_;
    std::function<int(int&)> work_;
    std::function<void(int&)> consume_;
    int next_ = 0;
    std::vector<int> results_;
};

TEST_P(OrderedPipelineTest, ConsumesAllInTheOrderOfReading) {
    run();
    ASSERT_EQ(results_.size(), 500U);
    for (int i = 0; i < 500; ++i) ASSERT_EQ(results_[static_cast<std::size_t>(i)], 2 * i);
}

TEST_P(OrderedPipelineTest, KeepsFewBatchesAtATime) {
    std::atomic<int> held{0}, most{0};
    auto read = read_;
    read_ = [&](int& batch) {
        most = std::max(most.load(), ++held);
        return read(batch);
    };
    consume_ = [&](int&) { --held; };
    run();
    EXPECT_LE(most, static_cast<int>(4 * GetParam() + 1));
}

TEST_P(OrderedPipelineTest, WorksOnSoManyThreadsOnly) {
    std::atomic<int> working{0}, most{0};
    work_ = [&](int& batch) {
        most = std::max(most.load(), ++working);
        std::this_thread::yield();
        --working;
        return batch;
    };
    run();
    EXPECT_LE(most, static_cast<int>(GetParam()));
}

TEST_P(OrderedPipelineTest, ThrowsOnTheErrorOfAnyStep) {
    auto read = read_;
    read_ = [&](int& batch) { return next_ == 100 ? throw std::runtime_error("read") : read(batch); };
    EXPECT_THROW(run(), std::runtime_error);
}

TEST_P(OrderedPipelineTest, ThrowsOnTheErrorOfWork) {
    work_ = [](int& batch) { return batch == 100 ? throw std::runtime_error("work") : batch; };
    EXPECT_THROW(run(), std::runtime_error);
}

TEST_P(OrderedPipelineTest, ThrowsOnTheErrorOfConsume) {
    consume_ = [](int& result) {
        if (result == 200) throw std::runtime_error("consume");
    };
    EXPECT_THROW(run(), std::runtime_error);
    EXPECT_LT(next_, 500);
}

INSTANTIATE_TEST_SUITE_P(Threads, OrderedPipelineTest, ::testing::Values(1, 2, 5));

}  // namespace
}  // namespace autoresearch

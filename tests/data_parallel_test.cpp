#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "prepare/data/parallel.h"

namespace autoresearch {
namespace {

class OrderedPipelineTest : public ::testing::TestWithParam<std::size_t> {
  protected:
    OrderedPipelineTest() {
        pipeline_.read = [this](int& batch) { return batch = next_, next_++ < 500; };
        pipeline_.work = [](int& batch, std::size_t) {
            if (batch % 7 == 0) std::this_thread::yield();
            return batch * 2;
        };
        pipeline_.consume = [this](int& result) { results_.push_back(result); };
    }

    OrderedPipeline<int, int> pipeline_;
    int next_ = 0;
    std::vector<int> results_;
};

TEST_P(OrderedPipelineTest, ConsumesAllInTheOrderOfReading) {
    pipeline_.run(GetParam());
    ASSERT_EQ(results_.size(), 500U);
    for (int i = 0; i < 500; ++i) ASSERT_EQ(results_[static_cast<std::size_t>(i)], 2 * i);
}

TEST_P(OrderedPipelineTest, KeepsFewBatchesAtATime) {
    std::atomic<int> held{0}, most{0};
    auto read = pipeline_.read;
    pipeline_.read = [&](int& batch) {
        most = std::max(most.load(), ++held);
        return read(batch);
    };
    pipeline_.consume = [&](int&) { --held; };
    pipeline_.run(GetParam());
    EXPECT_LE(most, static_cast<int>(4 * GetParam() + 1));
}

TEST_P(OrderedPipelineTest, ThrowsOnTheErrorOfAnyStep) {
    auto read = pipeline_.read;
    pipeline_.read = [&](int& batch) {
        return next_ == 100 ? throw std::runtime_error("read") : read(batch);
    };
    EXPECT_THROW(pipeline_.run(GetParam()), std::runtime_error);
}

TEST_P(OrderedPipelineTest, ThrowsOnTheErrorOfWork) {
    pipeline_.work = [](int& batch, std::size_t) {
        return batch == 100 ? throw std::runtime_error("work") : batch;
    };
    EXPECT_THROW(pipeline_.run(GetParam()), std::runtime_error);
}

TEST_P(OrderedPipelineTest, ThrowsOnTheErrorOfConsume) {
    pipeline_.consume = [](int& result) {
        if (result == 200) throw std::runtime_error("consume");
    };
    EXPECT_THROW(pipeline_.run(GetParam()), std::runtime_error);
    EXPECT_LT(next_, 500);
}

INSTANTIATE_TEST_SUITE_P(Threads, OrderedPipelineTest, ::testing::Values(1, 2, 5));

}  // namespace
}  // namespace autoresearch

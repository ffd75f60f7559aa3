#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "prepare/session/nats.h"
#include "prepare/session/simd.h"

namespace autoresearch {
namespace {

/// Runs a check once with each instruction set that this machine has.
template <class Check>
void with_each_isa(const Check& check) {
    const simd::Isa best = simd::isa();
    for (const auto isa : {simd::Isa::baseline, simd::Isa::avx2, simd::Isa::avx512}) {
        if (!simd::has(isa)) continue;
        SCOPED_TRACE(static_cast<int>(isa));
        simd::isa() = isa;
        check();
    }
    simd::isa() = best;
}

struct Case {
    int vocab;
    std::vector<float> logits;
    std::vector<std::int64_t> targets;
    std::vector<int> token_bytes;

    Case(int rows, int vocab_size, float spread) : vocab(vocab_size) {
        std::mt19937 random(7);
        std::normal_distribution<float> normal(0, spread);
        for (int i = 0; i < rows * vocab; ++i) logits.push_back(normal(random));
        for (int i = 0; i < rows; ++i) targets.push_back(i * 31 % vocab);
        for (int i = 0; i < vocab; ++i) token_bytes.push_back(i % 5);  // every fifth is a special
    }
    std::int64_t rows() const { return static_cast<std::int64_t>(targets.size()); }

    NatsSum expected() const {
        NatsSum sum;
        for (std::size_t r = 0; r < targets.size(); ++r) {
            const float* row = logits.data() + r * static_cast<std::size_t>(vocab);
            double max = row[0], total = 0;
            for (int i = 0; i < vocab; ++i) max = std::max(max, static_cast<double>(row[i]));
            for (int i = 0; i < vocab; ++i) total += std::exp(row[i] - max);
            const auto target = static_cast<std::size_t>(targets[r]);
            if (token_bytes[target] == 0) continue;
            sum.nats += max + std::log(total) - row[target];
            sum.bytes += token_bytes[target];
        }
        return sum;
    }
    NatsSum actual() const {
        return sum_nats(logits.data(), rows(), vocab, targets.data(), token_bytes.data());
    }
};

TEST(Nats, AgreeWithPlainDoubleComputation) {
    for (const int vocab : {1, 3, 17, 255, 256, 1000, 8192}) {
        for (const float spread : {0.01f, 1.0f, 30.0f}) {
            const Case c(40, vocab, spread);
            const NatsSum expected = c.expected();
            with_each_isa([&] {
                const NatsSum sum = c.actual();
                EXPECT_TRUE(sum.finite);
                EXPECT_EQ(sum.bytes, expected.bytes);
                EXPECT_NEAR(sum.nats, expected.nats, 1e-6 * std::max(1.0, expected.nats))
                    << vocab << " " << spread;
            });
        }
    }
}

TEST(Nats, Bf16IsReadExactly) {
    Case c(30, 1003, 4);
    std::vector<std::uint16_t> halves;
    for (float& x : c.logits) {
        std::uint32_t bits;
        std::memcpy(&bits, &x, sizeof bits);
        halves.push_back(static_cast<std::uint16_t>(bits >> 16));
        bits &= 0xffff0000u;
        std::memcpy(&x, &bits, sizeof bits);
    }
    const NatsSum expected = c.expected();
    with_each_isa([&] {
        const NatsSum sum =
            sum_nats(halves.data(), c.rows(), c.vocab, c.targets.data(), c.token_bytes.data());
        EXPECT_NEAR(sum.nats, expected.nats, 1e-6 * expected.nats);
    });
}

TEST(Nats, LargeLogitsDoNotOverflow) {
    Case c(4, 64, 1);
    for (float& x : c.logits) x += 1e4f;
    const NatsSum expected = c.expected();
    with_each_isa([&] { EXPECT_NEAR(c.actual().nats, expected.nats, 1e-6 * expected.nats); });
}

TEST(Nats, NoticesLogitsThatAreNotFinite) {
    for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
        for (const std::size_t place :
             {std::size_t{0}, std::size_t{70}, std::size_t{99}}) {  // body and tail of a row
            Case c(3, 100, 1);
            c.logits[100 + place] = bad;
            with_each_isa([&] { EXPECT_FALSE(c.actual().finite); });
        }
    }
}

TEST(Nats, NoticesTargetsOutsideTheVocabulary) {
    Case c(3, 100, 1);
    c.targets[1] = 100;
    EXPECT_FALSE(c.actual().finite);
    c.targets[1] = -1;
    EXPECT_FALSE(c.actual().finite);
}

}  // namespace
}  // namespace autoresearch

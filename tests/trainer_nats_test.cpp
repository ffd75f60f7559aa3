#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "prepare/kernels/simd.h"
#include "prepare/metric/nats.h"

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

float as_bf16(float x, std::uint16_t* stored) {
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    *stored = static_cast<std::uint16_t>(bits >> 16);
    bits &= 0xffff0000u;
    std::memcpy(&x, &bits, sizeof bits);
    return x;
}

/// Rows of logits with their targets; `halves` holds them in bf16, cut off.
struct Case {
    int vocab;
    std::vector<float> logits;
    std::vector<std::uint16_t> halves;
    std::vector<std::int64_t> targets;

    Case(int rows, int vocab_size, float spread) : vocab(vocab_size) {
        std::mt19937 random(7);
        std::normal_distribution<float> normal(0, spread);
        for (int i = 0; i < rows * vocab; ++i) logits.push_back(normal(random));
        for (int i = 0; i < rows; ++i) targets.push_back(i * 31 % vocab);
    }
    std::int64_t rows() const { return static_cast<std::int64_t>(targets.size()); }
    float& at(std::size_t row, std::int64_t token) {
        return logits[row * static_cast<std::size_t>(vocab) + static_cast<std::size_t>(token)];
    }

    /// The reference: all in double, nothing clever.
    std::vector<double> expected() const {
        std::vector<double> nats;
        for (std::size_t r = 0; r < targets.size(); ++r) {
            const float* row = logits.data() + r * static_cast<std::size_t>(vocab);
            double max = row[0], total = 0;
            for (int i = 0; i < vocab; ++i) max = std::max(max, static_cast<double>(row[i]));
            for (int i = 0; i < vocab; ++i) total += std::exp(static_cast<double>(row[i]) - max);
            nats.push_back(max - static_cast<double>(row[targets[r]]) + std::log(total));
        }
        return nats;
    }
    template <class Number>
    std::vector<double> measured(const std::vector<Number>& numbers) const {
        std::vector<double> nats(targets.size());
        EXPECT_EQ(token_nats(numbers.data(), rows(), vocab, targets.data(), nats.data()), nullptr);
        return nats;
    }
    std::string refusal() const {
        std::vector<double> nats(targets.size());
        const char* why = token_nats(logits.data(), rows(), vocab, targets.data(), nats.data());
        return why == nullptr ? "" : why;
    }
    void expect_right() { expect_right_in(logits); }
    void expect_right_in_bf16() {
        halves.resize(logits.size());
        for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = as_bf16(logits[i], &halves[i]);
        expect_right_in(halves);
    }

  private:
    template <class Number>
    void expect_right_in(const std::vector<Number>& numbers) const {
        const auto wanted = expected();
        with_each_isa([&] {
            const auto nats = measured(numbers);
            for (std::size_t r = 0; r < wanted.size(); ++r)
                EXPECT_NEAR(nats[r], wanted[r], 1e-6 * std::max(1.0, wanted[r])) << "row " << r;
        });
    }
};

constexpr int kSizes[] = {1, 3, 17, 255, 256, 1000, 8192};  // of the vocabulary: bodies and tails of vectors

/// The property, for every size of the vocabulary, in fp32 and in bf16.
template <class Change>
void expect_right_after(const Change& change) {
    for (const int vocab : kSizes) {
        SCOPED_TRACE(vocab);
        Case c(20, vocab, 3);
        change(c);
        c.expect_right();
        c.expect_right_in_bf16();
    }
}

TEST(Nats, AgreeWithPlainDoubleComputation) {
    for (const float spread : {0.01f, 1.0f, 30.0f}) {
        for (const int vocab : kSizes) {
            Case c(40, vocab, spread);
            c.expect_right();
            c.expect_right_in_bf16();
        }
    }
}

TEST(Nats, AConstantChangesNothing) {
    for (const float constant : {-9000.0f, -100.0f, 100.0f, 9000.0f})
        expect_right_after([&](Case& c) {
            for (float& x : c.logits) x += constant;
        });
}

TEST(Nats, ScalesAreTakenAsTheyAre) {
    for (const float scale : {0.0f, 1e-3f, 1e2f, 600.0f})
        expect_right_after([&](Case& c) {
            for (float& x : c.logits) x *= scale;
        });
}

TEST(Nats, MaskedTokensCostNothingAndMayBeTargets) {
    for (const float mask : {-1e4f, -1e9f, -3e38f})
        expect_right_after([&](Case& c) {
            for (std::size_t r = 0; r < c.targets.size(); ++r)
                for (int i = 1; i < c.vocab; i += 2) c.at(r, i) = mask;
        });
}

TEST(Nats, MinusInfinityMasksToo) {
    Case c(20, 1000, 3);
    for (std::size_t r = 0; r < c.targets.size(); ++r) c.at(r, (c.targets[r] + 1) % c.vocab) = -INFINITY;
    c.expect_right();
    c.expect_right_in_bf16();
    c.at(3, c.targets[3]) = -INFINITY;
    EXPECT_EQ(c.refusal(), "");
    with_each_isa([&] { EXPECT_EQ(c.measured(c.logits)[3], INFINITY); });
}

TEST(Nats, OneHotRows) {
    for (const float height : {1.0f, 30.0f, 200.0f, 9999.0f})
        for (const bool hit : {true, false})
            expect_right_after([&](Case& c) {
                for (std::size_t r = 0; r < c.targets.size(); ++r) {
                    for (int i = 0; i < c.vocab; ++i) c.at(r, i) = 0;
                    c.at(r, hit ? c.targets[r] : (c.targets[r] + 1) % c.vocab) = height;
                }
            });
}

TEST(Nats, EqualRowsCostTheLogOfTheVocabulary) {
    for (const float value : {-9999.0f, -1.0f, 0.0f, 1.0f, 300.0f, 1000.0f, 9999.0f}) {
        for (const int vocab : kSizes) {
            Case c(5, vocab, 0);
            for (float& x : c.logits) x = value;
            with_each_isa([&] {
                for (const double nats : c.measured(c.logits))
                    EXPECT_NEAR(nats, std::log(vocab), 1e-9) << value << " " << vocab;
            });
        }
    }
}

TEST(Nats, RefusesWhatIsNotANumber) {
    for (const float bad : {INFINITY, static_cast<float>(NAN)}) {
        for (const std::int64_t place : {0, 70, 99}) {  // body and tail of a row
            Case c(3, 100, 1);
            c.at(1, place) = bad;
            with_each_isa([&] { EXPECT_NE(c.refusal().find("not finite"), std::string::npos); });
        }
    }
}

TEST(Nats, RefusesRowsWhoseLargestLogitIsHuge) {
    for (const float value : {1.01e4f, 1e9f, 3e38f, -1.01e4f, -1e9f, -INFINITY}) {
        for (const int vocab : kSizes) {
            Case c(3, vocab, 0);
            for (int i = 0; i < vocab; ++i) c.at(1, i) = value;
            with_each_isa([&] { EXPECT_NE(c.refusal().find("beyond 1e4"), std::string::npos) << value; });
        }
    }
}

TEST(Nats, RefusesTargetsOutsideTheVocabulary) {
    Case c(3, 100, 1);
    for (const std::int64_t target : {100, -1}) {
        c.targets[1] = target;
        EXPECT_NE(c.refusal(), "");
    }
}

}  // namespace
}  // namespace autoresearch

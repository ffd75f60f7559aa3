#include <gtest/gtest.h>

#include "autoresearch/error.h"
#include "autoresearch/session.h"
#include "prepare/data/packer.h"
#include "prepare/data/tokenizer.h"
#include "prepare/metric/evaluate.h"
#include "trainer_fixture.h"

namespace autoresearch {
namespace {

using at::Tensor;

double evaluate(const LogitsFunction& logits, std::int64_t eval_tokens = 1024) {
    const PreparedData& data = small_data();
    return bits_per_byte(logits, data.meta, data.directory, "val", eval_tokens, at::kCPU);
}

std::string broken_rule(const LogitsFunction& logits) {
    try {
        evaluate(logits);
    } catch (const BrokenRule& rule) {
        return rule.what();
    }
    return "";
}

/// An honest model: each token predicts from itself alone.
Tensor bigram(const Tensor& tokens) {
    const int vocab = small_data().meta.vocab_size;
    at::Generator generator = at::detail::createCPUGenerator(5);
    return at::embedding(at::randn({vocab, vocab}, generator), tokens);
}

TEST(Evaluate, UniformLogitsCostLogOfTheVocabulary) {
    const PreparedData& data = small_data();
    const int length = data.meta.seq_len, vocab = data.meta.vocab_size;
    const auto token_bytes =
        Tokenizer::load(data.directory / "tokenizer.tiktoken", kSplitPattern).token_bytes();
    const Shard shard(data.directory / "val.bin");
    Packer packer(shard, length + 1, 0);
    std::vector<std::int64_t> row(static_cast<std::size_t>(length) + 1);
    double counted = 0, bytes = 0;
    for (int r = 0; r < 1024 / length; ++r) {
        packer.next(1, row.data());
        for (std::size_t t = 1; t < row.size(); ++t) {
            const int n = token_bytes[static_cast<std::size_t>(row[t])];
            counted += n > 0 ? 1 : 0;
            bytes += n;
        }
    }
    ASSERT_LT(counted, 1024);  // there are specials among the targets
    const double expected = counted * std::log2(vocab) / bytes;
    const auto uniform = [&](const Tensor& tokens) {
        return at::zeros({tokens.size(0), tokens.size(1), vocab});
    };
    EXPECT_NEAR(evaluate(uniform), expected, 1e-6);
    EXPECT_NEAR(evaluate([&](const Tensor& t) { return uniform(t).to(at::kBFloat16); }), expected, 1e-6);
    EXPECT_NEAR(evaluate([&](const Tensor& t) { return uniform(t).to(at::kDouble) + 7; }), expected, 1e-6);
}

TEST(Evaluate, EqualLogitsCostTheSameHoweverLarge) {
    const auto equal = [](float value) {
        return [value](const Tensor& tokens) {
            return at::full({tokens.size(0), tokens.size(1), small_data().meta.vocab_size}, value);
        };
    };
    EXPECT_NEAR(evaluate(equal(9999)), evaluate(equal(0)), 1e-9);
    for (const float huge : {1e5f, 1e9f, 3e38f, -1e9f})
        EXPECT_NE(broken_rule(equal(huge)).find("beyond 1e4"), std::string::npos) << huge;
}

TEST(Evaluate, MasksAreAllowed) {
    const int bos = small_data().meta.bos;  // as a target it does not count
    for (const double mask : {-1e9, -HUGE_VAL}) {
        EXPECT_EQ(broken_rule([&](const Tensor& tokens) {
                      const Tensor logits = bigram(tokens).clone();
                      logits.narrow(2, bos, 1).fill_(mask);
                      return logits;
                  }),
                  "")
            << mask;
    }
    const auto all_but_bos = [&](const Tensor& tokens) {
        const Tensor logits = bigram(tokens).clone();
        logits.narrow(2, 0, bos).fill_(-INFINITY);
        return logits;
    };
    EXPECT_NE(broken_rule(all_but_bos).find("-infinity"), std::string::npos);
}

TEST(Evaluate, LogitsAreCopiedWhenTheyCome) {
    // The same memory in every call: the comparison of the look-ahead check would be one of a tensor with
    // itself.
    Tensor memory;
    const auto ahead = [&](const Tensor& tokens) {
        const Tensor next = at::roll(tokens, -1, 1);
        const Tensor logits = bigram(tokens) + at::one_hot(next, small_data().meta.vocab_size).to(at::kFloat);
        if (!memory.defined() || memory.sizes() != logits.sizes()) memory = at::empty_like(logits);
        return memory.copy_(logits);
    };
    EXPECT_NE(broken_rule(ahead).find("looks ahead"), std::string::npos);
}

TEST(Evaluate, IsTheSameEveryTime) {
    EXPECT_EQ(evaluate(bigram), evaluate(bigram));
}

TEST(Evaluate, FindsAModelThatLooksAhead) {
    const auto next_token = [](const Tensor& tokens) {
        const Tensor next = at::roll(tokens, -1, 1);
        return bigram(tokens) + 9 * at::one_hot(next, small_data().meta.vocab_size).to(at::kFloat);
    };
    EXPECT_NE(broken_rule(next_token).find("looks ahead"), std::string::npos);
    const auto faint_average = [](const Tensor& tokens) {
        const Tensor plain = bigram(tokens);
        return plain + 0.001 * plain.mean(1, true);
    };
    EXPECT_NE(broken_rule(faint_average).find("looks ahead"), std::string::npos);
}

TEST(Evaluate, FindsALookAheadBesideALargeLogit) {
    // A tolerance that grew with the largest logit would let these pass.
    for (const double gain : {0.5, 0.01}) {
        const auto lifted = [gain](const Tensor& tokens) {
            const Tensor next = at::one_hot(at::roll(tokens, -1, 1), small_data().meta.vocab_size);
            return bigram(tokens) + 5000 + gain * next.to(at::kFloat);
        };
        EXPECT_NE(broken_rule(lifted).find("looks ahead"), std::string::npos) << gain;
    }
}

TEST(Evaluate, FindsRowsThatSeeEachOther) {
    const auto neighbours = [](const Tensor& tokens) {
        const Tensor plain = bigram(tokens);
        return plain + 0.1 * at::roll(plain, 1, 0);
    };
    EXPECT_NE(broken_rule(neighbours), "");
}

TEST(Evaluate, RefusesLogitsOfAnotherShapeOrType) {
    EXPECT_NE(broken_rule([](const Tensor&) { return Tensor(); }).find("shape"), std::string::npos);
    EXPECT_NE(broken_rule([](const Tensor& t) { return bigram(t).narrow(2, 0, 300); }).find("shape"),
              std::string::npos);
    EXPECT_NE(broken_rule([](const Tensor& t) { return bigram(t).view({-1, 320}); }).find("shape"),
              std::string::npos);
    EXPECT_NE(broken_rule([](const Tensor& t) { return bigram(t).to(at::kLong); }).find("float"),
              std::string::npos);
}

TEST(Evaluate, RefusesLogitsThatAreNotFinite) {
    const auto spoiled = [](const Tensor& tokens) {
        Tensor logits = bigram(tokens);
        logits[-1][-1][7] = NAN;
        return logits;
    };
    EXPECT_NE(broken_rule(spoiled).find("not finite"), std::string::npos);
}

TEST(Evaluate, RunsWithoutGradients) {
    evaluate([](const Tensor& tokens) {
        EXPECT_FALSE(at::GradMode::is_enabled());
        return bigram(tokens);
    });
}

TEST(Evaluate, NeedsAWholeRow) {
    EXPECT_THROW(evaluate(bigram, 63), UserError);
}

}  // namespace
}  // namespace autoresearch

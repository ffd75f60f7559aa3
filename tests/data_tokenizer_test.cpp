#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <system_error>
#include <thread>

#include "autoresearch/error.h"
#include "prepare/data/tokenizer.h"
#include "temp_directory.h"
#include "util/base64.h"
#include "util/text.h"

namespace autoresearch {
namespace {

nlohmann::json golden() {
    return nlohmann::json::parse(read_text(TEST_SOURCE_DIR "/tests/golden/tokenizer_golden.json"));
}

Tokenizer golden_tokenizer() {
    std::vector<std::string> ranks;
    const auto expected = golden();
    for (const auto& token : expected["ranks"]) ranks.push_back(base64_decode(token.get<std::string>()));
    return Tokenizer(ranks, kSplitPattern);
}

/// Only the 256 bytes and the given tokens.
Tokenizer tokenizer_with(const std::vector<std::string>& tokens) {
    std::vector<std::string> ranks;
    for (int byte = 0; byte < 256; ++byte) ranks.emplace_back(1, static_cast<char>(byte));
    ranks.insert(ranks.end(), tokens.begin(), tokens.end());
    return Tokenizer(ranks, kSplitPattern);
}

std::vector<std::uint32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
    return Encoder(tokenizer).encode(text);
}

std::string utf8(char32_t c) {
    if (c < 0x80) return {static_cast<char>(c)};
    if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
    if (c < 0x10000)
        return {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
                static_cast<char>(0x80 | (c & 63))};
    return {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
            static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
}

std::vector<std::string> pieces_of(std::string_view text) {
    const Splitter splitter(kSplitPattern);
    std::vector<std::string> pieces;
    splitter.split(text, [&](std::string_view piece) { pieces.emplace_back(piece); });
    return pieces;
}

TEST(Tokenizer, GivesTheIdsOfTiktoken) {
    const auto expected = golden();
    const Tokenizer tokenizer = golden_tokenizer();
    Encoder encoder(tokenizer);
    for (std::size_t i = 0; i < expected["documents"].size(); ++i) {
        const auto text = expected["documents"][i].get<std::string>();
        const auto ids = expected["ids"][i].get<std::vector<std::uint32_t>>();
        EXPECT_EQ(encoder.encode(text), ids) << "document " << i;
        EXPECT_EQ(encoder.encode(text), ids) << "document " << i << ", from memory";
        EXPECT_EQ(tokenizer.decode(ids), text) << "document " << i;
    }
}

TEST(Tokenizer, DecodesWhatItEncodedForRandomUnicode) {
    const Tokenizer tokenizer = golden_tokenizer();
    const std::vector<int> bytes = tokenizer.token_bytes();
    std::mt19937 random(3);
    const std::vector<char32_t> limits = {0x7F, 0x24F, 0xFFFF, 0x10FFFF};
    for (int round = 0; round < 2000; ++round) {
        std::string text;
        for (std::size_t left = random() % 40; left > 0; --left) {
            const char32_t c = random() % (limits[random() % limits.size()] + 1);
            if (c < 0xD800 || c > 0xDFFF) text += utf8(c);
        }
        ASSERT_EQ(valid_utf8_prefix(text), text.size());
        const auto ids = encode(tokenizer, text);
        ASSERT_EQ(tokenizer.decode(ids), text);
        std::size_t total = 0;
        for (const std::uint32_t id : ids) total += static_cast<std::size_t>(bytes[id]);
        ASSERT_EQ(total, text.size());
    }
}

TEST(Tokenizer, DecodesWhatItEncodedForRandomBytes) {
    const Tokenizer tokenizer = golden_tokenizer();
    std::mt19937 random(4);
    const std::string alphabet = "a \n\xC3\xA9\xE4\xB8\xED\xA0\xF0\x9F\x98\x80\xF4\x90\xFF";
    for (int round = 0; round < 5000; ++round) {
        std::string text;
        for (std::size_t left = random() % 12; left > 0; --left) text += alphabet[random() % alphabet.size()];
        ASSERT_EQ(tokenizer.decode(encode(tokenizer, text)), text);
    }
}

TEST(Tokenizer, EncodesInvalidUtf8ByteByByteAndTheRestAsText) {
    const Tokenizer tokenizer = tokenizer_with({"ab", "\xC3\xA9", "\xC3\xC3"});
    EXPECT_EQ(encode(tokenizer,
                     "ab\xFF"
                     "ab"),
              (std::vector<std::uint32_t>{256, 0xFF, 256}));
    EXPECT_EQ(encode(tokenizer, "\xC3\xA9"), (std::vector<std::uint32_t>{257}));
    EXPECT_EQ(encode(tokenizer, "\xC3\xC3"), (std::vector<std::uint32_t>{0xC3, 0xC3}));
    EXPECT_EQ(encode(tokenizer, "ab\xC3"), (std::vector<std::uint32_t>{256, 0xC3}));
}

TEST(Tokenizer, MergesNeighboursHoweverTheTokenWasLearned) {
    // "abc" was learned as ab + c; tiktoken also makes it from a + bc.
    const Tokenizer tokenizer = tokenizer_with({"bc", "xa", "ab", "abc", "zabc"});
    EXPECT_EQ(encode(tokenizer, "yabc"), (std::vector<std::uint32_t>{'y', 259}));
    EXPECT_EQ(encode(tokenizer, "zabc"), (std::vector<std::uint32_t>{260}));
}

TEST(Tokenizer, TakesALongTextWithoutASpace) {
    const Tokenizer tokenizer = tokenizer_with({"aa", "aaaa", "aaaaaaaa"});
    const std::vector<std::uint32_t> ids = encode(tokenizer, std::string((1 << 18) + 3, 'a'));
    ASSERT_EQ(ids.size(), (1U << 15) + 2);
    EXPECT_EQ(ids.front(), 258U);
    EXPECT_EQ(ids[ids.size() - 2], 256U);
    EXPECT_EQ(ids.back(), static_cast<std::uint32_t>('a'));
}

TEST(Tokenizer, SpecialsComeAfterTheRanksAndHaveNoBytes) {
    const Tokenizer tokenizer = tokenizer_with({"ab"});
    EXPECT_EQ(tokenizer.vocab_size(), 261);
    EXPECT_EQ(tokenizer.bos(), 257);
    const std::vector<int> bytes = tokenizer.token_bytes();
    ASSERT_EQ(bytes.size(), 261U);
    EXPECT_EQ(bytes[0xE4], 1);
    EXPECT_EQ(bytes[256], 2);
    EXPECT_EQ(std::accumulate(bytes.begin() + 257, bytes.end(), 0), 0);
    EXPECT_EQ(tokenizer.decode({257, 'a', 260}), "a");
    const auto ids = encode(tokenizer, "<|reserved_0|>");
    EXPECT_EQ(ids.size(), 14U);
}

TEST(Tokenizer, EncodesOnSeveralThreadsAtOnce) {
    const auto expected = golden();
    const Tokenizer tokenizer = golden_tokenizer();
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int round = 0; round < 3; ++round)
                for (std::size_t i = 0; i < expected["documents"].size(); ++i)
                    if (encode(tokenizer, expected["documents"][i].get_ref<const std::string&>()) !=
                        expected["ids"][i].get<std::vector<std::uint32_t>>())
                        ++wrong;
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

TEST(Tokenizer, IsTheSameAfterSavingAndLoading) {
    const TempDirectory folder;
    const Tokenizer tokenizer = golden_tokenizer();
    folder.write("t.tiktoken", tokenizer.tiktoken_text());
    const Tokenizer loaded = Tokenizer::load(folder / "t.tiktoken", kSplitPattern);
    EXPECT_EQ(loaded.tiktoken_text(), tokenizer.tiktoken_text());
    EXPECT_EQ(read_text(folder / "t.tiktoken").substr(0, 14), "AA== 0\nAQ== 1\n");
    EXPECT_EQ(encode(loaded, "for the golden words"), encode(tokenizer, "for the golden words"));
    EXPECT_THROW(Tokenizer::load(folder / "missing", kSplitPattern), std::system_error);
}

TEST(Tokenizer, IsNotLoadedFromAnythingElse) {
    const TempDirectory folder;
    const std::string good = golden_tokenizer().tiktoken_text();
    const std::string next = std::to_string(golden_tokenizer().bos());
    for (const std::string& bad :
         {std::string(), good.substr(7), good.substr(0, good.size() / 2), good + "?? " + next + "\n",
          good + " " + next + "\n", good + "AA== " + next + "\n", good + "\n"}) {
        folder.write("t.tiktoken", bad);
        EXPECT_THROW(Tokenizer::load(folder / "t.tiktoken", kSplitPattern), UserError)
            << bad.size() << " of " << good.size();
    }
}

TEST(Splitter, CutsAsTheOriginalsPatternSays) {
    EXPECT_EQ(pieces_of("He'll pay  12345 €!\n\n x"),
              (std::vector<std::string>{"He", "'ll", " pay", " ", " ", "12", "34", "5", " €!\n\n", " x"}));
    // U+180E is no white space to Rust, so it is taken like punctuation; U+0085 is white space.
    EXPECT_EQ(pieces_of("!\u180E!\u0085!"), (std::vector<std::string>{"!\u180E!", "\u0085", "!"}));
}

TEST(Splitter, LosesNothingWhenThePatternLeavesGaps) {
    Splitter splitter("[a-c]*");
    std::string joined;
    int pieces = 0;
    splitter.split("xxabcyy\xFFzab", [&](std::string_view piece) { joined += piece, ++pieces; });
    EXPECT_EQ(joined, "xxabcyy\xFFzab");
    EXPECT_EQ(pieces, 6);
}

TEST(Splitter, TakesAPatternThatNeedsALotOfStack) {
    const std::string text(300'000, 'a');
    std::size_t bytes = 0;
    Splitter("(?:(a|b)(?=.|$))+").split(text, [&](std::string_view piece) { bytes += piece.size(); });
    EXPECT_EQ(bytes, text.size());
}

TEST(Splitter, RefusesABrokenPattern) {
    EXPECT_THROW(Splitter("(a"), UserError);
}

TEST(Utf8, KnowsWhatIsValid) {
    for (const std::string good : {"", "abc", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                                   "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
        EXPECT_EQ(valid_utf8_prefix(good), good.size());
    for (const std::string bad :
         {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xE1\x80", "\xED\xA0\x80",
          "\xF0\x8F\xBF\xBF", "\xF0\x90\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"})
        EXPECT_EQ(valid_utf8_prefix("12345678" + bad), 8U) << base64_encode(bad);
}

TEST(Base64, MatchesTheVectorsOfRfc4648) {
    const std::vector<std::pair<std::string, std::string>> vectors = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xFF\xFE", "//4="}};
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(base64_encode(bytes), text);
        EXPECT_EQ(base64_decode(text), bytes);
    }
}

}  // namespace
}  // namespace autoresearch

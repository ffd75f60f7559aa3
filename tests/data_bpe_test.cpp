#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "prepare/data/tokenizer.h"
#include "temp_directory.h"
#include "util/base64.h"

namespace autoresearch {
namespace {

using Words = std::map<std::string, std::int64_t>;

PieceCounts pieces_of(const Words& words) {
    PieceCounts pieces;
    for (const auto& [word, count] : words) pieces[word] = count;
    return pieces;
}

std::vector<std::string> learned(const Words& words, std::size_t merges) {
    auto ranks = train_bpe(pieces_of(words), 256 + merges);
    return {ranks.begin() + 256, ranks.end()};
}

/// The definition: count everything anew before each merge.
std::vector<std::string> learned_plainly(const Words& words, std::size_t merges) {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    std::vector<std::pair<std::vector<int>, std::int64_t>> split;
    for (const auto& [word, count] : words) split.push_back({{}, count});
    std::size_t next = 0;
    for (const auto& [word, count] : words) {
        for (const char byte : word) split[next].first.push_back(static_cast<unsigned char>(byte));
        ++next;
    }
    for (std::size_t step = 0; step < merges; ++step) {
        std::map<std::pair<int, int>, std::int64_t> counts;
        for (const auto& [ids, count] : split)
            for (std::size_t i = 0; i + 1 < ids.size(); ++i) counts[{ids[i], ids[i + 1]}] += count;
        const auto best = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
            return a.second < b.second;  // of equals max_element keeps the first, which is the smallest pair
        });
        if (best == counts.end()) break;
        const auto [left, right] = best->first;
        const int new_id = static_cast<int>(tokens.size());
        tokens.push_back(tokens[static_cast<std::size_t>(left)] + tokens[static_cast<std::size_t>(right)]);
        for (auto& [ids, count] : split)
            for (std::size_t i = 0; i + 1 < ids.size(); ++i)
                if (ids[i] == left && ids[i + 1] == right) {
                    ids[i] = new_id;
                    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(i) + 1);
                }
    }
    return {tokens.begin() + 256, tokens.end()};
}

TEST(Bpe, LearnsTheMergesOfRustbpe) {
    const auto golden =
        nlohmann::json::parse(read_text(TEST_SOURCE_DIR "/tests/golden/tokenizer_golden.json"));
    Splitter splitter(kSplitPattern);
    PieceCounts first, second;
    for (std::size_t i = 0; i < golden["documents"].size(); ++i)
        splitter.split(golden["documents"][i].get_ref<const std::string&>(),
                       [&](std::string_view piece) { ++(i % 2 == 0 ? first : second)[piece]; });
    add_counts(second, first);
    const std::vector<std::string> ranks = train_bpe(first, golden["ranks"].size());
    ASSERT_EQ(ranks.size(), golden["ranks"].size());
    for (std::size_t i = 0; i < ranks.size(); ++i)
        ASSERT_EQ(base64_encode(ranks[i]), golden["ranks"][i].get<std::string>()) << "rank " << i;
}

TEST(Bpe, TakesTheMostFrequentPairAndOfEqualsTheSmallest) {
    EXPECT_EQ(learned({{"xy", 5}, {"ab", 7}, {"cd", 7}}, 3), (std::vector<std::string>{"ab", "cd", "xy"}));
}

TEST(Bpe, AgreesWithThePlainDefinitionOnRandomWords) {
    std::mt19937 random(9);
    for (int round = 0; round < 60; ++round) {
        Words words;
        const unsigned letters = 1 + random() % 4;
        for (int i = 0; i < 25; ++i) {
            std::string word;
            for (std::size_t left = 1 + random() % 14; left > 0; --left)
                word += static_cast<char>('a' + random() % letters);
            words[word] += static_cast<std::int64_t>(1 + random() % 5);
        }
        ASSERT_EQ(learned(words, 40), learned_plainly(words, 40)) << "round " << round;
    }
}

TEST(Bpe, CountsRunsOfOneLetterRight) {
    EXPECT_EQ(learned({{"aaaaa", 3}}, 9), learned_plainly({{"aaaaa", 3}}, 9));
    EXPECT_EQ(learned({{"aaaaaaaa", 1}, {"baaab", 2}}, 9),
              learned_plainly({{"aaaaaaaa", 1}, {"baaab", 2}}, 9));
}

TEST(Bpe, StopsWhenNothingIsLeftToMerge) {
    EXPECT_EQ(learned({{"abc", 1}}, 100).size(), 2U);
    EXPECT_EQ(train_bpe(pieces_of({}), 300).size(), 256U);
}

}  // namespace
}  // namespace autoresearch

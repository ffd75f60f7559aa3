#include <optional>
#include <queue>
#include <unordered_map>

#include "prepare/data/tokenizer.h"

namespace autoresearch {
namespace {

/// Two neighbouring ids in one number.
std::uint64_t key_of(std::uint32_t left, std::uint32_t right) {
    return std::uint64_t{left} << 32 | right;
}

struct Pair {
    std::uint32_t left, right;
    std::int64_t count = 0;
    std::vector<std::uint32_t> words = {};  // where it occurs, or once occurred
};

/// A candidate for the next merge. Counts only fall, so the count noted here is an upper bound.
struct Candidate {
    std::int64_t count;
    std::uint64_t key;
    std::uint32_t pair;
    bool operator<(const Candidate& other) const {
        return count != other.count ? count < other.count : key > other.key;
    }
};

class Trainer {
  public:
    explicit Trainer(const PieceCounts& pieces) {
        pieces.for_each([&](std::string_view piece, std::int64_t count) {
            const auto word = static_cast<std::uint32_t>(words_.size());
            words_.push_back({symbols_.size(), static_cast<std::uint32_t>(piece.size()), count});
            for (const char byte : piece) symbols_.push_back(static_cast<unsigned char>(byte));
            for (std::size_t i = words_.back().first; i + 1 < symbols_.size(); ++i)
                add(symbols_[i], symbols_[i + 1], word);
        });
        offer_new_pairs();
    }

    /// Merges the best pair into `new_id` and returns it; nothing when no pair is left.
    std::optional<Pair> merge_next(std::uint32_t new_id) {
        while (!candidates_.empty()) {
            const Candidate best = candidates_.top();
            candidates_.pop();
            if (pairs_[best.pair].count < best.count) {
                offer(best.pair);
                continue;
            }
            Pair pair = std::move(pairs_[best.pair]);
            for (const std::uint32_t word : pair.words) merge_in_word(word, pair, new_id);
            pairs_[best.pair].count = 0;
            offer_new_pairs();
            return pair;
        }
        return std::nullopt;
    }

  private:
    struct Word {
        std::size_t first;  // in symbols_
        std::uint32_t length;
        std::int64_t count;
    };

    void offer(std::uint32_t number) {
        const Pair& pair = pairs_[number];
        if (pair.count > 0) candidates_.push({pair.count, key_of(pair.left, pair.right), number});
    }
    /// Every pair that a merge creates contains the new id, so each is offered once, when its count is
    /// complete.
    void offer_new_pairs() {
        for (; offered_ < pairs_.size(); ++offered_) offer(static_cast<std::uint32_t>(offered_));
    }

    void add(std::uint32_t left, std::uint32_t right, std::uint32_t word) {
        const auto next = static_cast<std::uint32_t>(pairs_.size());
        const auto [place, is_new] = numbers_.emplace(key_of(left, right), next);
        if (is_new) pairs_.push_back({left, right});
        Pair& pair = pairs_[place->second];
        pair.count += words_[word].count;
        if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(word);
    }
    void remove(std::uint32_t left, std::uint32_t right, std::uint32_t word) {
        pairs_[numbers_.at(key_of(left, right))].count -= words_[word].count;
    }

    void merge_in_word(std::uint32_t word, const Pair& pair, std::uint32_t new_id) {
        std::uint32_t* const symbols = &symbols_[words_[word].first];
        const std::uint32_t length = words_[word].length;
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i < length; ++i) {
            if (i + 1 == length || symbols[i] != pair.left || symbols[i + 1] != pair.right) {
                symbols[kept++] = symbols[i];
                continue;
            }
            if (kept > 0) {
                remove(symbols[kept - 1], pair.left, word);
                add(symbols[kept - 1], new_id, word);
            }
            if (i + 2 < length) {
                remove(pair.right, symbols[i + 2], word);
                add(new_id, symbols[i + 2], word);
            }
            symbols[kept++] = new_id;
            ++i;
        }
        words_[word].length = kept;
    }

    std::vector<std::uint32_t> symbols_;  // of all words, concatenated
    std::vector<Word> words_;
    std::vector<Pair> pairs_;
    std::unordered_map<std::uint64_t, std::uint32_t> numbers_;  // of the pairs, in pairs_
    std::priority_queue<Candidate> candidates_;
    std::size_t offered_ = 0;  // of pairs_
};

}  // namespace

std::vector<std::string> train_bpe(const PieceCounts& pieces, std::size_t ranks,
                                   const std::function<void(double share)>& progress) {
    std::vector<std::string> tokens;
    tokens.reserve(ranks);
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    Trainer trainer(pieces);
    while (tokens.size() < ranks) {
        const auto pair = trainer.merge_next(static_cast<std::uint32_t>(tokens.size()));
        if (!pair) break;
        tokens.push_back(tokens[pair->left] + tokens[pair->right]);
        if (tokens.size() % 256 == 0)
            progress(static_cast<double>(tokens.size()) / static_cast<double>(ranks));
    }
    return tokens;
}

}  // namespace autoresearch

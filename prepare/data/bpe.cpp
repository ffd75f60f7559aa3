#include "prepare/data/bpe.h"

#include <queue>

namespace autoresearch {
namespace {

/// Candidate for the next merge. Counts only ever fall, so the count noted here is an upper bound.
struct Candidate {
    std::int64_t count;
    std::uint64_t ids;  // left, right
    std::uint32_t pair;
    bool operator<(const Candidate& other) const {
        return count != other.count ? count < other.count : ids > other.ids;
    }
};

class BpeTrainer {
  public:
    explicit BpeTrainer(const PieceCounts& pieces) {
        pieces.for_each([&](std::string_view piece, std::int64_t count) {
            if (piece.size() < 2) return;
            words_.push_back({symbols_.size(), static_cast<std::uint32_t>(piece.size()), count});
            for (const char byte : piece) symbols_.push_back(static_cast<unsigned char>(byte));
        });
        for (std::uint32_t word = 0; word < words_.size(); ++word)
            for (std::uint32_t i = 0; i + 1 < words_[word].length; ++i) {
                const std::uint32_t* at = &symbols_[words_[word].first + i];
                add(at[0], at[1], word);
            }
        for (std::uint32_t pair = 0; pair < pairs_.size(); ++pair) offer(pair);
        first_new_pair_ = pairs_.size();
    }

    /// Makes the next merge into `new_id`. False when no pair is left.
    bool merge_next(std::uint32_t new_id, std::uint32_t& left, std::uint32_t& right) {
        while (!heap_.empty()) {
            const Candidate best = heap_.top();
            heap_.pop();
            const std::int64_t count = pairs_[best.pair].count;
            if (count == best.count) {
                merge(best.pair, new_id);
                left = pairs_[best.pair].left;
                right = pairs_[best.pair].right;
                return true;
            }
            offer(best.pair);
        }
        return false;
    }

  private:
    struct Word {
        std::size_t first;  // in symbols_
        std::uint32_t length;
        std::int64_t count;
    };
    struct Pair {
        std::uint32_t left, right;
        std::int64_t count;
        std::vector<std::uint32_t> words;  // where it stands, or stood once
    };

    void offer(std::uint32_t pair) {
        const Pair& p = pairs_[pair];
        if (p.count > 0) heap_.push({p.count, pair_key(p.left, p.right), pair});
    }

    void add(std::uint32_t left, std::uint32_t right, std::uint32_t word) {
        const auto next = static_cast<std::uint32_t>(pairs_.size());
        const auto [place, is_new] = numbers_.emplace(pair_key(left, right), next);
        if (is_new) pairs_.push_back({left, right, 0, {}});
        const std::uint32_t pair = place->second;
        pairs_[pair].count += words_[word].count;
        auto& words = pairs_[pair].words;
        if (words.empty() || words.back() != word) words.push_back(word);
    }

    void remove(std::uint32_t left, std::uint32_t right, std::uint32_t word) {
        pairs_[numbers_.at(pair_key(left, right))].count -= words_[word].count;
    }

    void merge(std::uint32_t pair, std::uint32_t new_id) {
        const std::vector<std::uint32_t> words = std::move(pairs_[pair].words);
        const std::uint32_t left = pairs_[pair].left, right = pairs_[pair].right;
        for (const std::uint32_t word : words) merge_in_word(word, left, right, new_id);
        pairs_[pair].count = 0;
        // Every pair that a merge makes holds the new id, so each pair is offered once, when its count is
        // complete.
        for (; first_new_pair_ < pairs_.size(); ++first_new_pair_)
            offer(static_cast<std::uint32_t>(first_new_pair_));
    }

    void merge_in_word(std::uint32_t word, std::uint32_t left, std::uint32_t right, std::uint32_t new_id) {
        std::uint32_t* const symbols = &symbols_[words_[word].first];
        const std::uint32_t length = words_[word].length;
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i < length;) {
            if (i + 1 == length || symbols[i] != left || symbols[i + 1] != right) {
                symbols[kept++] = symbols[i++];
                continue;
            }
            if (kept > 0) {
                remove(symbols[kept - 1], left, word);
                add(symbols[kept - 1], new_id, word);
            }
            if (i + 2 < length) {
                remove(right, symbols[i + 2], word);
                add(new_id, symbols[i + 2], word);
            }
            symbols[kept++] = new_id;
            i += 2;
        }
        words_[word].length = kept;
    }

    std::vector<std::uint32_t> symbols_;  // of all words, one after the other
    std::vector<Word> words_;
    std::vector<Pair> pairs_;
    PairMap numbers_;  // of the pairs, in pairs_
    std::priority_queue<Candidate> heap_;
    std::size_t first_new_pair_ = 0;
};

}  // namespace

std::vector<std::string> train_bpe(const PieceCounts& pieces, std::size_t ranks,
                                   const std::function<void(double share)>& progress) {
    std::vector<std::string> tokens;
    tokens.reserve(ranks);
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    BpeTrainer trainer(pieces);
    std::uint32_t left = 0, right = 0;
    while (tokens.size() < ranks &&
           trainer.merge_next(static_cast<std::uint32_t>(tokens.size()), left, right)) {
        tokens.push_back(tokens[left] + tokens[right]);
        if (progress && tokens.size() % 256 == 0)
            progress(static_cast<double>(tokens.size()) / static_cast<double>(ranks));
    }
    return tokens;
}

}  // namespace autoresearch

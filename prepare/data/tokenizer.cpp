#include "prepare/data/tokenizer.h"

#include <queue>
#include <utility>

#include "autoresearch/error.h"
#include "util/base64.h"
#include "util/text.h"

namespace autoresearch {

const char* const kSplitPattern =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";

namespace {

constexpr std::uint32_t kNone = ~std::uint32_t{0};
constexpr std::size_t kLongestKnown = 128;   // bytes; longer pieces hardly ever recur
constexpr std::size_t kMostKnown = 1 << 18;  // pieces

}  // namespace

Tokenizer::Tokenizer(std::vector<std::string> ranks, const std::string& split_pattern)
    : ranks_(std::move(ranks)), splitter_(split_pattern) {
    for (std::size_t i = 0; i < ranks_.size(); ++i) ids_[ranks_[i]] = static_cast<std::uint32_t>(i);
}

Tokenizer Tokenizer::load(const std::filesystem::path& tiktoken_file, const std::string& split_pattern) {
    const std::string text = read_file(tiktoken_file);
    std::vector<std::string> ranks;
    for (const std::string_view line : split_lines(text))
        ranks.push_back(base64_decode(line.substr(0, line.find(' '))));
    Tokenizer tokenizer(std::move(ranks), split_pattern);
    bool whole = tokenizer.tiktoken_text() == text && tokenizer.ids_.size() == tokenizer.ranks_.size();
    for (int byte = 0; byte < 256; ++byte)
        whole = whole && tokenizer.ids_.find(std::string(1, static_cast<char>(byte)), kNone) != kNone;
    for (const std::string& rank : tokenizer.ranks_) whole = whole && !rank.empty();
    if (!whole) throw UserError("damaged tokenizer: " + tiktoken_file.string(), "prepare the data again");
    return tokenizer;
}

std::string Tokenizer::tiktoken_text() const {
    std::string text;
    for (std::size_t i = 0; i < ranks_.size(); ++i)
        text += base64_encode(ranks_[i]) + " " + std::to_string(i) + "\n";
    return text;
}

std::string Tokenizer::decode(const std::vector<std::uint32_t>& ids) const {
    std::string text;
    for (const std::uint32_t id : ids)
        if (id < ranks_.size()) text += ranks_[id];
    return text;
}

std::vector<int> Tokenizer::token_bytes() const {
    std::vector<int> bytes(ranks_.size() + kSpecials, 0);
    for (std::size_t i = 0; i < ranks_.size(); ++i) bytes[i] = static_cast<int>(ranks_[i].size());
    return bytes;
}

std::vector<std::uint32_t> Encoder::encode(std::string_view text) {
    std::vector<std::uint32_t> ids;
    ids.reserve(text.size() / 3 + 1);
    if (known_.size() > kMostKnown) {
        known_ = {};
        known_ids_.clear();
    }
    tokenizer_.splitter_.split(text, [&](std::string_view piece) {
        if (piece.size() > kLongestKnown) return merge(piece, ids);
        Range& range = known_[piece];
        if (range.count == 0) {
            range.first = static_cast<std::uint32_t>(known_ids_.size());
            merge(piece, known_ids_);
            range.count = static_cast<std::uint32_t>(known_ids_.size()) - range.first;
        }
        const auto first = known_ids_.begin() + range.first;
        ids.insert(ids.end(), first, first + range.count);
    });
    return ids;
}

/// Merges as tiktoken does: the whole piece if it is a token; else, of all neighbours whose joined bytes are
/// a token, however it was learned, always the pair of lowest rank, leftmost first. The cost is n log n, so a
/// megabyte without a space is no problem.
void Encoder::merge(std::string_view piece, std::vector<std::uint32_t>& out) const {
    const auto id_of = [&](std::size_t begin, std::size_t end) {
        return tokenizer_.ids_.find(piece.substr(begin, end - begin), kNone);
    };
    if (const std::uint32_t whole = id_of(0, piece.size()); whole != kNone) return out.push_back(whole);
    const auto size = static_cast<std::uint32_t>(piece.size());
    // For the token that begins at a byte: where it ends (0 when none begins there any more), and where the
    // token before it begins.
    std::vector<std::uint32_t> end(size), before(size);
    using Offer = std::pair<std::uint32_t, std::uint32_t>;  // rank, begin
    std::priority_queue<Offer, std::vector<Offer>, std::greater<>> offers;
    const auto rank_of = [&](std::uint32_t begin) {
        return end[begin] == 0 || end[begin] == size ? kNone : id_of(begin, end[end[begin]]);
    };
    const auto offer = [&](std::uint32_t begin) {
        if (const std::uint32_t rank = rank_of(begin); rank != kNone) offers.emplace(rank, begin);
    };
    for (std::uint32_t i = 0; i < size; ++i) {
        end[i] = i + 1;
        before[i] = i - 1;
    }
    for (std::uint32_t i = 0; i < size; ++i) offer(i);
    while (!offers.empty()) {
        const auto [rank, begin] = offers.top();
        offers.pop();
        // Offers are not withdrawn when a neighbour is merged away: check that this one is still valid.
        if (rank_of(begin) != rank) continue;
        const std::uint32_t middle = end[begin];
        end[begin] = std::exchange(end[middle], 0);
        if (end[begin] < size) before[end[begin]] = begin;
        offer(begin);
        if (begin > 0) offer(before[begin]);
    }
    for (std::uint32_t i = 0; i < size; i = end[i]) out.push_back(id_of(i, end[i]));
}

}  // namespace autoresearch

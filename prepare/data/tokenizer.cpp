#include "prepare/data/tokenizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <queue>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/data/bpe.h"
#include "util/text.h"

namespace autoresearch {

const char* const kSplitPattern =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";

namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr int kSpecials = 4;
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kLongestCached = 128;   // bytes; longer pieces hardly ever come twice
constexpr std::size_t kMostCached = 1 << 18;  // pieces, per thread

/// Of a piece, in a list of ids.
struct Ids {
    std::uint32_t first = 0, count = 0;
};

/// What one thread at a time needs for encoding.
struct Worker {
    explicit Worker(const Splitter& shared) : splitter(shared) {}
    Splitter splitter;
    PieceMap<Ids> known;
    std::vector<std::uint32_t> ids;  // of the known pieces
};

}  // namespace

struct Tokenizer::State {
    State(std::vector<std::string> tokens, const std::string& pattern)
        : ranks(std::move(tokens)), split_pattern(pattern), splitter(pattern) {
        for (std::size_t i = 0; i < ranks.size(); ++i) by_bytes[ranks[i]] = static_cast<std::uint32_t>(i);
        for (std::size_t byte = 0; byte < 256; ++byte) {
            byte_ids[byte] = id_of(std::string(1, static_cast<char>(byte)));
            if (byte_ids[byte] == kNone)
                throw UserError("the tokenizer has no token for byte " + std::to_string(byte));
        }
        if (by_bytes.size() != ranks.size()) throw UserError("the tokenizer has a token twice");
        // tiktoken merges two neighbours whenever their bytes joined are a token, however that token was
        // learned.
        for (std::size_t i = 0; i < ranks.size(); ++i) {
            const std::string_view token = ranks[i];
            for (std::size_t cut = 1; cut < token.size(); ++cut) {
                const std::uint32_t left = id_of(token.substr(0, cut)), right = id_of(token.substr(cut));
                if (left != kNone && right != kNone)
                    pairs.emplace(pair_key(left, right), static_cast<std::uint32_t>(i));
            }
        }
    }

    /// kNone when these bytes are no token.
    std::uint32_t id_of(std::string_view bytes) const { return by_bytes.find(bytes, kNone); }

    void encode_piece(Worker& worker, std::string_view piece, std::vector<std::uint32_t>& out) const {
        if (const std::uint32_t whole = id_of(piece); whole != kNone) return out.push_back(whole);
        if (piece.size() > kLongestCached) return merge(piece, out);
        Ids& known = worker.known[piece];
        if (known.count == 0) {
            known.first = static_cast<std::uint32_t>(worker.ids.size());
            merge(piece, worker.ids);
            known.count = static_cast<std::uint32_t>(worker.ids.size()) - known.first;
        }
        const std::uint32_t* const ids = worker.ids.data() + known.first;
        out.insert(out.end(), ids, ids + known.count);
    }

    /// Always the pair of lowest rank, the leftmost of equals, as tiktoken does. The cost is n log n, so that
    /// a megabyte without a space is no trouble.
    void merge(std::string_view piece, std::vector<std::uint32_t>& out) const {
        struct Symbol {
            std::uint32_t id, next, previous;
        };
        const auto size = static_cast<std::uint32_t>(piece.size());
        std::vector<Symbol> symbols;
        symbols.reserve(size);
        for (std::uint32_t i = 0; i < size; ++i)
            symbols.push_back({byte_ids[static_cast<unsigned char>(piece[i])], i + 1, i - 1});
        const auto rank_of = [&](std::uint32_t left) {
            const auto found = pairs.find(pair_key(symbols[left].id, symbols[symbols[left].next].id));
            return found == pairs.end() ? kNone : found->second;
        };
        std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>>
            offers;  // rank, position
        const auto offer = [&](std::uint32_t left) {
            if (const std::uint32_t rank = rank_of(left); rank != kNone) offers.push(pair_key(rank, left));
        };
        for (std::uint32_t i = 0; i + 1 < size; ++i) offer(i);
        while (!offers.empty()) {
            const auto left = static_cast<std::uint32_t>(offers.top());
            const auto rank = static_cast<std::uint32_t>(offers.top() >> 32);
            offers.pop();
            const std::uint32_t right = symbols[left].next;
            // Offers are not withdrawn when a neighbour is merged away: check that this one still stands.
            if (symbols[left].id == kNone || right >= size || rank_of(left) != rank) continue;
            symbols[left].id = rank;
            symbols[left].next = symbols[right].next;
            symbols[right].id = kNone;
            if (symbols[left].next < size) {
                symbols[symbols[left].next].previous = left;
                offer(left);
            }
            if (left > 0) offer(symbols[left].previous);
        }
        for (std::uint32_t i = 0; i < size; i = symbols[i].next) out.push_back(symbols[i].id);
    }

    std::unique_ptr<Worker> borrow_worker() {
        const std::lock_guard lock(mutex);
        if (idle.empty()) return std::make_unique<Worker>(splitter);
        auto worker = std::move(idle.back());
        idle.pop_back();
        return worker;
    }

    void give_back(std::unique_ptr<Worker> worker) {
        if (worker->known.size() > kMostCached) worker = std::make_unique<Worker>(splitter);
        const std::lock_guard lock(mutex);
        idle.push_back(std::move(worker));
    }

    std::vector<std::string> ranks;
    PieceMap<std::uint32_t> by_bytes;
    std::array<std::uint32_t, 256> byte_ids{};
    PairMap pairs;
    std::string split_pattern;
    Splitter splitter;
    std::mutex mutex;
    std::vector<std::unique_ptr<Worker>> idle;
};

std::string base64_encode(std::string_view bytes) {
    std::string text;
    std::uint32_t bits = 0;
    int waiting = 0;  // of the lowest bits, not written yet
    for (const char byte : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(byte);
        for (waiting += 8; waiting >= 6; waiting -= 6) text += kBase64[bits >> (waiting - 6) & 63];
    }
    if (waiting > 0) text += kBase64[bits << (6 - waiting) & 63];
    text.resize((bytes.size() + 2) / 3 * 4, '=');
    return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
    std::string bytes;
    std::uint32_t bits = 0;
    int waiting = 0;
    for (const char c : text.substr(0, text.find_last_not_of('=') + 1)) {
        const std::size_t digit = kBase64.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(digit);
        waiting += 6;
        if (waiting < 8) continue;
        waiting -= 8;
        bytes += static_cast<char>(bits >> waiting & 255);
    }
    if (base64_encode(bytes) != text) return std::nullopt;  // padded wrongly, or bits left over
    return bytes;
}

Tokenizer::Tokenizer(std::vector<std::string> ranks, const std::string& split_pattern)
    : state_(std::make_unique<State>(std::move(ranks), split_pattern)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const std::filesystem::path& tiktoken_file, const std::string& split_pattern) {
    const std::string text = read_file(tiktoken_file);
    std::vector<std::string> ranks;
    for (const std::string_view line : split_lines(text)) {
        const std::size_t space = std::min(line.find(' '), line.size());
        std::optional<std::string> token = base64_decode(line.substr(0, space));
        if (!token || token->empty() || line.substr(space) != " " + std::to_string(ranks.size()))
            throw UserError(
                "damaged tokenizer: " + tiktoken_file.string() + ", line " + std::to_string(ranks.size() + 1),
                "prepare the data again");
        ranks.push_back(std::move(*token));
    }
    return Tokenizer(std::move(ranks), split_pattern);
}

std::string Tokenizer::tiktoken_text() const {
    std::string text;
    for (std::size_t i = 0; i < state_->ranks.size(); ++i)
        text += base64_encode(state_->ranks[i]) + " " + std::to_string(i) + "\n";
    return text;
}

std::vector<std::uint32_t> Tokenizer::encode(std::string_view text) const {
    std::vector<std::uint32_t> ids;
    ids.reserve(text.size() / 3 + 1);
    auto worker = state_->borrow_worker();
    worker->splitter.split(text, [&](std::string_view piece) { state_->encode_piece(*worker, piece, ids); });
    state_->give_back(std::move(worker));
    return ids;
}

std::string Tokenizer::decode(const std::vector<std::uint32_t>& ids) const {
    std::string text;
    for (const std::uint32_t id : ids) {
        if (id < state_->ranks.size()) {
            text += state_->ranks[id];
        } else if (id < state_->ranks.size() + kSpecials) {
            text += "<|reserved_" + std::to_string(id - state_->ranks.size()) + "|>";
        } else {
            throw UserError("the tokenizer has no token " + std::to_string(id));
        }
    }
    return text;
}

const std::string& Tokenizer::split_pattern() const {
    return state_->split_pattern;
}
int Tokenizer::vocab_size() const {
    return static_cast<int>(state_->ranks.size()) + kSpecials;
}
int Tokenizer::bos() const {
    return static_cast<int>(state_->ranks.size());
}

std::vector<int> Tokenizer::token_bytes() const {
    std::vector<int> bytes;
    for (const std::string& token : state_->ranks) bytes.push_back(static_cast<int>(token.size()));
    bytes.resize(bytes.size() + kSpecials, 0);
    return bytes;
}

}  // namespace autoresearch

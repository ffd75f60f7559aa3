#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "prepare/data/split.h"

namespace autoresearch {

/// Lets a map of strings be asked for a string_view.
struct PieceHash : std::hash<std::string_view> {
    using is_transparent = void;
};
template <class Value>
using PieceMap = std::unordered_map<std::string, Value, PieceHash, std::equal_to<>>;

/// The value of a piece, made anew when there is none.
template <class Value>
Value& value_of(PieceMap<Value>& map, std::string_view piece) {
    const auto found = map.find(piece);
    return found != map.end() ? found->second : map.emplace(piece, Value{}).first->second;
}

/// Two neighbouring ids as the key of a map.
inline std::uint64_t pair_key(std::uint32_t left, std::uint32_t right) {
    return std::uint64_t{left} << 32 | right;
}
struct PairHash {
    std::size_t operator()(std::uint64_t key) const { return key * 0x9E3779B97F4A7C15; }
};
/// From pair_key to a number.
using PairMap = std::unordered_map<std::uint64_t, std::uint32_t, PairHash>;

/// Counts the pieces of text. One for each thread; add them up at the end.
class PieceCounter {
  public:
    explicit PieceCounter(const Splitter& splitter) : splitter_(splitter) {}
    void count(std::string_view text);
    void add(const PieceCounter& other);
    const PieceMap<std::int64_t>& pieces() const { return pieces_; }

  private:
    Splitter splitter_;
    PieceMap<std::int64_t> pieces_;
};

/// Learns byte pair merges: the most frequent pair first, of equals the one with the smaller ids (left before
/// right). These are the merges that rustbpe learns. Result: the bytes of each token by rank, the 256 bytes
/// first; fewer than `ranks` when the text holds no more pairs.
std::vector<std::string> train_bpe(const PieceMap<std::int64_t>& pieces, std::size_t ranks,
                                   const std::function<void(double share)>& progress = {});

}  // namespace autoresearch

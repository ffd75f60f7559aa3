#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "prepare/data/piece_map.h"
#include "prepare/data/split.h"

namespace autoresearch {

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

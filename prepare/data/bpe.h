#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "prepare/data/pieces.h"

namespace autoresearch {

/// Two neighbouring ids as the key of a map.
inline std::uint64_t pair_key(std::uint32_t left, std::uint32_t right) {
    return std::uint64_t{left} << 32 | right;
}
struct PairHash {
    std::size_t operator()(std::uint64_t key) const { return key * 0x9E3779B97F4A7C15; }
};
/// From pair_key to a number.
using PairMap = std::unordered_map<std::uint64_t, std::uint32_t, PairHash>;

/// Learns byte pair merges: the most frequent pair first, of equals the one with the smaller ids (left before
/// right). These are the merges that rustbpe learns. Result: the bytes of each token by rank, the 256 bytes
/// first; fewer than `ranks` when the text holds no more pairs.
std::vector<std::string> train_bpe(const PieceCounts& pieces, std::size_t ranks,
                                   const std::function<void(double share)>& progress = {});

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "prepare/data/pieces.h"

namespace autoresearch {

/// The originals' split pattern (GPT-4 style, at most two digits together).
extern const char* const kSplitPattern;

/// Learns byte pair merges: the most frequent pair first, ties to the smaller ids (left before right). These
/// are the merges that rustbpe learns. Returns the bytes of each token by rank, the 256 bytes first; fewer
/// than `ranks` when the text has no more pairs.
std::vector<std::string> train_bpe(
    const PieceCounts& pieces, std::size_t ranks,
    const std::function<void(double share)>& progress = [](double) {});

/// Byte-level BPE. Ids 0 .. ranks-1 are the mergeable ranks (the 256 bytes first, then merges in the order
/// learned), then 4 reserved specials <|reserved_0|> .. <|reserved_3|>; the first of these is BOS.
class Tokenizer {
  public:
    static constexpr int kSpecials = 4;

    /// `ranks`: the bytes of each mergeable token, including all 256 single bytes.
    Tokenizer(std::vector<std::string> ranks, const std::string& split_pattern);
    /// Loads tiktoken's text format, as tiktoken_text() returns it. Throws std::system_error when it cannot
    /// be read, UserError when it is not in that format.
    static Tokenizer load(const std::filesystem::path& tiktoken_file, const std::string& split_pattern);

    /// One token per line: base64 of its bytes, a space, its rank.
    std::string tiktoken_text() const;
    /// The joined bytes of the tokens; specials have none.
    std::string decode(const std::vector<std::uint32_t>& ids) const;
    int bos() const { return static_cast<int>(ranks_.size()); }
    int vocab_size() const { return bos() + kSpecials; }
    /// Bytes of each id; 0 for specials. The metric divides by these: summed over the tokens of a text they
    /// give its length. (The original counts the bytes of each token decoded alone, where every cut character
    /// turns into U+FFFD and counts 3.)
    std::vector<int> token_bytes() const;

  private:
    friend class Encoder;
    std::vector<std::string> ranks_;
    Splitter splitter_;
    PieceMap<std::uint32_t> ids_;  // of the ranks, by their bytes
};

/// Encodes text to the ids that tiktoken gives. One thread at a time: it remembers the pieces it has seen.
class Encoder {
  public:
    /// The tokenizer must outlive it.
    explicit Encoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
    /// Treats everything as ordinary text, including names of specials. Invalid UTF-8 is encoded byte by
    /// byte.
    std::vector<std::uint32_t> encode(std::string_view text);

  private:
    struct Range {
        std::uint32_t first = 0, count = 0;
    };
    void merge(std::string_view piece, std::vector<std::uint32_t>& out) const;

    const Tokenizer& tokenizer_;
    PieceMap<Range> known_;  // in known_ids_
    std::vector<std::uint32_t> known_ids_;
};

}  // namespace autoresearch

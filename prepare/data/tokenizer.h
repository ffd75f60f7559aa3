#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace autoresearch {

/// Byte-level BPE. Ids 0 .. ranks-1 are the mergeable ranks (the 256 bytes first, then merges in the order
/// learned), then 4 reserved specials <|reserved_0|> .. <|reserved_3|>; the first of these is BOS.
class Tokenizer {
  public:
    /// Reads tiktoken's text format: base64 of the token's bytes, a space, its rank, one a line. Throws
    /// UserError when it is damaged, std::system_error when it cannot be read.
    static Tokenizer load(const std::filesystem::path& tiktoken_file, const std::string& split_pattern);
    /// `ranks`: the bytes of each mergeable token. Requires all 256 single bytes among them and no token
    /// twice.
    explicit Tokenizer(std::vector<std::string> ranks, const std::string& split_pattern);
    ~Tokenizer();
    Tokenizer(Tokenizer&&) noexcept;

    /// Ordinary text: the names of specials in it are text too. Invalid UTF-8 is encoded byte by byte.
    /// Thread-safe.
    std::vector<std::uint32_t> encode(std::string_view text) const;
    /// The bytes of the tokens, joined; specials by their names. Throws UserError for an id that does not
    /// exist.
    std::string decode(const std::vector<std::uint32_t>& ids) const;

    const std::string& split_pattern() const;
    int vocab_size() const;  // specials included
    int bos() const;
    /// Bytes of each id; 0 for specials. What the metric divides by: summed over the tokens of a text it is
    /// the length of the text. (The original counts the bytes of each token decoded alone, where every cut
    /// character turns into U+FFFD and counts 3.)
    std::vector<int> token_bytes() const;
    /// The content of a tiktoken file.
    std::string tiktoken_text() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// RFC 4648, with padding. Decoding gives nothing when `text` is not base64.
std::string base64_encode(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);

/// The originals' split pattern (GPT-4 style, at most two digits together).
extern const char* const kSplitPattern;

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "util/hash.h"

namespace autoresearch {

// The files of a prepared data set's directory.
inline constexpr const char* kMetaFile = "meta.json";
inline constexpr const char* kTokenizerFile = "tokenizer.tiktoken";
inline constexpr const char* kTrainFile = "train.bin";
inline constexpr const char* kValFile = "val.bin";
inline constexpr const char* kTestFile = "test.bin";

/// What meta.json of a prepared data set says.
struct DataMeta {
    std::string fingerprint;       // 16 hex digits: hash of everything that changes what val_bpb means
    std::string corpus;            // name, or the path as given
    std::string split_pattern;     // of the tokenizer
    int vocab_size = 0;            // ids, including the specials
    int bos = 0;                   // id of <|reserved_0|>, the first id after the mergeable ranks
    int seq_len = 0;               // tokens of context
    std::int64_t eval_tokens = 0;  // target tokens of one evaluation, a multiple of seq_len
    std::int64_t train_tokens = 0, val_tokens = 0, test_tokens = 0;           // in the shards, including BOS
    std::int64_t train_documents = 0, val_documents = 0, test_documents = 0;  // of the corpus, before cutting
    std::int64_t dropped_duplicates = 0;          // documents dropped because val or test already has them
    std::map<std::string, std::int64_t> skipped;  // files and rows that were not read, by why
    std::uint64_t tokenizer_digest = 0;           // xxh64 of tokenizer.tiktoken
    int format = 1;
};

/// Throws UserError when something is damaged or does not fit, std::system_error when a file cannot be read.
/// Reads and checks the validation tokens; the others only with `every_token`. `evaluated`: the one shard of
/// val and test that is there, which is read and checked; empty: both.
DataMeta read_meta(const std::filesystem::path& directory, bool every_token = false,
                   std::string_view evaluated = "");
void write_meta(const DataMeta& meta, const std::filesystem::path& directory);

/// A memory-mapped token shard, read-only; copies share the map. On-disk format: docs/data.md.
/// Documents follow each other, each beginning with BOS. (Prepare stores a text longer than a row as several
/// of these documents.)
class Shard {
  public:
    /// Throws UserError for a truncated, damaged or foreign file, and std::system_error for one that cannot
    /// be read. Does not check the tokens.
    explicit Shard(const std::filesystem::path& file);
    std::int64_t num_tokens() const { return num_tokens_; }
    std::int64_t num_documents() const { return num_documents_; }
    std::uint64_t fingerprint() const { return fingerprint_; }  // of its data set
    /// Length in tokens of document i, including BOS.
    std::int64_t length(std::int64_t document) const {
        return static_cast<std::int64_t>(offsets_[document + 1] - offsets_[document]);
    }
    /// Copies the first `count` tokens of a document. Requires count <= length(document).
    void copy(std::int64_t document, std::int64_t count, std::int64_t* out) const;
    /// Reads all tokens; throws UserError when they do not match their digest.
    void verify() const;

  private:
    std::filesystem::path file_;
    std::shared_ptr<const char> map_;         // the whole file
    const char* tokens_ = nullptr;            // uint16 or uint32
    const std::uint64_t* offsets_ = nullptr;  // num_documents + 1
    std::uint32_t token_bytes_ = 2;
    std::int64_t num_tokens_ = 0, num_documents_ = 0;
    std::uint64_t fingerprint_ = 0, token_digest_ = 0;
};

/// Writes a shard front to back. The file becomes a shard, safely on disk, only when finish() returns. Throws
/// std::system_error when the disk refuses.
class ShardWriter {
  public:
    /// Tokens take two bytes when vocab_size < 65536, else four.
    ShardWriter(const std::filesystem::path& file, int vocab_size);
    void append(std::span<const std::uint32_t> document);
    void finish(std::uint64_t fingerprint);

    std::int64_t num_tokens() const { return static_cast<std::int64_t>(offsets_.back()); }
    /// The digest of all documents so far, in order.
    std::uint64_t digest() const { return digest_.value(); }

  private:
    void write(std::string_view bytes);

    std::filesystem::path path_;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
    std::uint32_t token_bytes_;
    std::vector<std::uint64_t> offsets_{0};
    Digest digest_;
    std::vector<std::uint16_t> narrow_;
};

}  // namespace autoresearch

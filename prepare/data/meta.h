#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace autoresearch {

// The files of a prepared data set's directory.
inline constexpr const char* kMetaFile = "meta.json";
inline constexpr const char* kTokenizerFile = "tokenizer.tiktoken";
inline constexpr const char* kTrainFile = "train.bin";
inline constexpr const char* kValFile = "val.bin";
inline constexpr const char* kTestFile = "test.bin";

/// What meta.json of a prepared data set says.
struct DataMeta {
    std::string fingerprint;       // 16 hex digits: hash of all that changes what val_bpb means
    std::string corpus;            // name, or the path as given
    int vocab_size = 0;            // ids, the specials included
    int bos = 0;                   // id of <|reserved_0|>, the first id after the mergeable ranks
    int seq_len = 0;               // tokens of context
    std::int64_t eval_tokens = 0;  // target tokens of one evaluation, a multiple of seq_len
    std::int64_t train_tokens = 0, val_tokens = 0, test_tokens = 0;           // in the shards, BOS included
    std::int64_t train_documents = 0, val_documents = 0, test_documents = 0;  // of the corpus, before cutting
    std::int64_t dropped_duplicates = 0;  // documents dropped because val or test has them already
    std::uint64_t tokenizer_digest = 0;   // xxh64 of tokenizer.tiktoken
};

/// Throws UserError when something is damaged or does not fit, std::system_error when a file cannot be read.
DataMeta read_meta(const std::filesystem::path& directory);
void write_meta(const DataMeta& meta, const std::filesystem::path& directory);

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "prepare/data/files.h"

namespace autoresearch {

/// What data a run needs. Requests that differ in a number of tokens give data sets with different
/// fingerprints; the same texts under another path or name give the same one.
struct DataRequest {
    std::string corpus;  // a name in corpora.json, or a file, folder or glob
    int vocab_size = 8192;
    int seq_len = 2048;
    std::int64_t eval_tokens = 0;  // rounded down to whole rows; 0, or more than available: all of validation
    std::string text_column = {};  // of jsonl and parquet; empty: what corpora.json says, else "text"
    std::string separator = {};    // between the documents of a text file; empty: likewise, else none
    int shards = 10;               // training files of a corpus of numbered files
    std::string split_pattern = {};  // splits text before bytes are merged; empty: kSplitPattern
};

struct PrepareOptions {
    DataRequest request;
    std::filesystem::path data_root;      // holds one folder per fingerprint, and the downloads
    std::filesystem::path torch_sources;  // the installed torch package's folder, for corpus torch-sources
    std::filesystem::path corpora;        // corpora.json; empty: torch-sources and paths only
    std::vector<std::string> parquet_reader;  // the command that runs read_parquet.py: Python, ..., script
    int threads = 0;                          // 0: all
    /// "waiting", "downloading", "reading", "tokenizer", "encoding", "writing", each from 0 to 1. Called on
    /// the caller's thread. May throw to stop: nothing half-made is left then, except downloads.
    std::function<void(const std::string& phase, double share)> progress = [](const auto&, double) {};
};

struct PreparedData {
    std::filesystem::path directory;
    DataMeta meta;
    bool was_ready = false;               // an earlier call made it
    std::string replaced = {};            // what was wrong with a damaged data set that this one replaces
    std::vector<std::string> notes = {};  // for people, on how it was made
    double seconds = 0;
};

/// Turns text into tokens: reads the corpus, splits by document, trains the tokenizer on the training split,
/// encodes, writes shards under a temporary name and renames. Throws UserError for whatever the user can fix,
/// including a full disk.
PreparedData prepare_data(const PrepareOptions& options);

/// Throws UserError for what prepare_data refuses before it downloads or reads anything: a request that
/// cannot be met, a corpus that does not exist or that this machine cannot read.
void check_request(const PrepareOptions& options);

/// Throws UserError when this machine cannot read parquet files. For PrepareOptions::parquet_reader.
void check_parquet_reader(const std::vector<std::string>& parquet_reader);

/// The newest data set that an earlier prepare_data made for this request; nothing if there is none.
/// Throws UserError when it is damaged.
std::optional<PreparedData> find_prepared(const DataRequest& request, const std::filesystem::path& data_root);

}  // namespace autoresearch

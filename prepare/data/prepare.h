#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "prepare/data/meta.h"

namespace autoresearch {

/// What data a run wants. Two requests that differ in a number give data sets with different fingerprints;
/// the same texts under another path or name give the same.
struct DataRequest {
    std::string corpus;  // a name known to the program ("torch-sources"), or a file, folder or glob
    int vocab_size = 8192;
    int seq_len = 2048;
    std::int64_t eval_tokens =
        0;  // rounded down to whole rows; at most what the validation split holds, which 0 asks for
};

struct PrepareOptions {
    DataRequest request;
    std::filesystem::path data_root;      // holds one folder per fingerprint
    std::filesystem::path torch_sources;  // the installed torch package's folder, for corpus torch-sources
    int threads = 0;                      // 0: all
    /// "reading", "tokenizer", "encoding", "writing", each from 0 to 1. On the caller's thread. May be empty,
    /// and may throw to stop: nothing half-made is left then.
    std::function<void(const std::string& phase, double share)> progress;
};

struct PreparedData {
    std::filesystem::path directory;
    DataMeta meta;
    bool was_ready = false;  // an earlier call had already made it
    double seconds = 0;
};

/// Text to tokens: reads the corpus, splits by document hash, trains the tokenizer on the training split,
/// encodes, writes shards under a temporary name and renames. Throws UserError for whatever the user can
/// mend.
PreparedData prepare_data(const PrepareOptions& options);

/// The data set an earlier prepare_data made for this request, newest first; nothing when there is none.
std::optional<PreparedData> find_prepared(const DataRequest& request, const std::filesystem::path& data_root);

}  // namespace autoresearch

#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "prepare/data/prepare.h"
#include "prepare/data/shard.h"
#include "prepare/data/survey.h"
#include "prepare/data/tokenizer.h"

namespace autoresearch {

/// Fills an empty folder with the files of one data set.
///
/// Validation and test documents stand in the order of their hashes, so that an evaluation over the first
/// rows is over a random sample. Copies of them are dropped and counted, in training too. Training documents
/// stand in the corpus' order, with the copies the corpus has. A text longer than a row is stored
/// as several documents that each fill a row: packing throws away what it crops, so else most of a corpus of
/// long texts would never be seen.
class DataSetWriter {
  public:
    /// The references must live as long as the writer.
    DataSetWriter(const DataRequest& request, const Tokenizer& tokenizer, const Survey& survey,
                  std::filesystem::path folder);
    /// Second reading of the corpus. Throws UserError when it is not what the survey saw.
    void encode(const Corpus& corpus, std::size_t threads, const std::function<void(double share)>& progress);
    /// Throws UserError when a split does not fill a row.
    DataMeta finish(const std::function<void(double share)>& progress);

  private:
    ShardWriter& shard(Split split) { return shards_[static_cast<std::size_t>(split)]; }
    void sort_in(std::uint64_t hash, Split split, std::vector<std::uint32_t>& ids);
    void append(Split split, std::span<const std::uint32_t> ids);
    std::uint64_t fingerprint(std::uint64_t tokenizer_digest) const;
    std::int64_t choose_eval_tokens() const;

    const DataRequest& request_;
    const Tokenizer& tokenizer_;
    const Survey& survey_;
    const std::filesystem::path folder_;
    std::vector<ShardWriter> shards_;                                              // by Split
    std::array<std::map<std::uint64_t, std::vector<std::uint32_t>>, 3> held_out_;  // by Split, then by hash
    DataMeta meta_;
    std::vector<std::uint32_t> part_;
};

}  // namespace autoresearch

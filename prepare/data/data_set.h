#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>

#include "prepare/data/bpe.h"
#include "prepare/data/prepare.h"
#include "prepare/data/tokenizer.h"

// A data set is made by reading the corpus twice: once for the tokenizer, once to encode.

namespace autoresearch {

struct Corpus;

/// What the first reading of a corpus tells.
struct Survey {
    std::uint64_t digest = 0;                 // of the documents in order
    std::array<std::int64_t, 3> documents{};  // for training, validation, test
    PieceCounts pieces;                       // of the training split
};

using Progress = std::function<void(double share)>;

Survey survey_corpus(const Corpus& corpus, const std::string& split_pattern, std::size_t threads,
                     const Progress& progress);

/// The second reading: fills an empty folder with the files of a data set.
///
/// Validation and test documents stand in the order of their hashes, so that an evaluation over the first
/// rows is over a random sample. Copies of them are dropped and counted, in training too. Training documents
/// stand in the corpus' order, with the copies the corpus has. A text longer than a row is stored as several
/// documents that each fill a row: packing throws away what it crops, so else most of a corpus of long texts
/// would never be seen.
///
/// Throws UserError when the corpus is not what the survey saw, or a split does not fill a row.
DataMeta write_data_set(const DataRequest& request, const Corpus& corpus, const Tokenizer& tokenizer,
                        const Survey& survey, const std::filesystem::path& folder, std::size_t threads,
                        const Progress& encoding, const Progress& writing);

}  // namespace autoresearch

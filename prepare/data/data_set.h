#pragma once

#include "prepare/data/corpus.h"

namespace autoresearch {

/// The way from text to the files of a data set, in an empty folder. The corpus is read twice: for the
/// tokenizer, which learns from the training documents, and to encode.
///
/// Validation and test documents stand in the order of their hashes, so that an evaluation over the first
/// rows is over a random sample. Copies of them are dropped and counted, in training too. Training documents
/// stand in the corpus' order, with the copies the corpus has. A text longer than a row is stored as several
/// documents that each fill a row: packing throws away what it crops, so else most of a corpus of long texts
/// would never be seen.
DataMeta make_data_set(const PrepareOptions& options, const Corpus& corpus,
                       const std::filesystem::path& folder);

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "prepare/data/prepare.h"

namespace autoresearch {

/// The name of the corpus that every machine with torch has: the Python sources of the installed package.
inline constexpr const char* kTorchSources = "torch-sources";

/// What the documents of a file are for.
enum class Part { by_hash, train, held_out };

struct CorpusFile {
    std::filesystem::path path;
    Part part = Part::by_hash;
    std::uintmax_t bytes = 0;
    std::int64_t modified = 0;  // nanoseconds, of the file system's clock
};

/// The files of a corpus, and how to read them.
struct Corpus {
    std::vector<CorpusFile> files;  // held-out ones first, else in an order that depends on their names alone
    std::string text_column = "text", separator;
    std::vector<std::string> parquet_reader;
};

/// "torch-sources": all *.py of the torch package, a document each. A name in corpora.json: what stands
/// there, downloaded if need be. A file or glob: the files themselves. A folder: all files below it that look
/// like text by their extension, hidden ones excepted. Throws UserError when there is no such corpus or
/// nothing in it.
Corpus find_corpus(const PrepareOptions& options);

/// Throws UserError when there is no such corpus, or it has files that cannot be read on this machine.
/// Downloads nothing.
void check_corpus(const PrepareOptions& options);

/// What identifies the corpus from any working directory: its name, or its absolute path.
std::string corpus_key(const std::string& corpus);

/// What a file is read as, in lower case and without .gz or .zst: ".jsonl", ".parquet", ".txt", ... But
/// ".parquet.gz": that is not read.
std::string kind_of(const std::filesystem::path& file);

/// Throws UserError when the corpus has parquet files and this machine cannot read them.
void check_readers(const Corpus& corpus);

/// Calls take for all documents of a corpus in order, empty ones left out; share: of the corpus read so far,
/// 0 to 1. *.parquet: a document a row, in the text column. *.jsonl: a document a line, in the field of that
/// name. Any other file is one document, or several where the separator stands between them. All but parquet
/// also as *.gz and *.zst. Throws UserError, or std::system_error when a file cannot be read.
void read_documents(const Corpus& corpus,
                    const std::function<void(std::string text, Part part, double share)>& take);

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

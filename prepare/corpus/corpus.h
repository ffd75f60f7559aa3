#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "prepare/corpus/prepare.h"

namespace autoresearch {

/// The name of the corpus that every machine with torch has: the Python sources of the installed package.
inline constexpr const char* kTorchSources = "torch-sources";

/// What a file's documents are used for.
enum class Part { by_hash, train, held_out };

struct CorpusFile {
    std::filesystem::path path;
    Part part = Part::by_hash;
    std::uintmax_t bytes = 0;
    std::int64_t modified = 0;  // nanoseconds, by the file system's clock
};

/// The files of a corpus, and how to read them.
struct Corpus {
    std::vector<CorpusFile> files;  // held-out ones first, otherwise ordered by name alone
    std::string text_column = "text", separator;
    std::vector<std::string> parquet_reader;
};

/// "torch-sources": all *.py files of the torch package, one document each. A name in corpora.json: what that
/// entry lists, downloaded if needed. A file or glob: the files themselves. A folder: all files below it
/// whose extension says text, except hidden ones. Throws UserError when there is no such corpus or nothing in
/// it.
Corpus find_corpus(const PrepareOptions& options);

/// The same, but nothing is downloaded or written; nothing when a file is yet to be fetched.
std::optional<Corpus> corpus_on_disk(const PrepareOptions& options);

/// Throws UserError when there is no such corpus, or when it has files that this machine cannot read.
/// Downloads nothing.
void check_corpus(const PrepareOptions& options);

/// What identifies the corpus from any working directory: its name, or its absolute path.
std::string corpus_key(const std::string& corpus);

/// How a file is read, in lower case and without .gz or .zst: ".jsonl", ".parquet", ".txt", ... Except
/// ".parquet.gz", which cannot be read.
std::string kind_of(const std::filesystem::path& file);

/// Throws UserError when the corpus has parquet files and this machine cannot read them.
void check_readers(const Corpus& corpus);

/// Calls take for all documents of a corpus in order, skipping empty ones; share: how much of the corpus was
/// read so far, 0 to 1. *.parquet: one document per row, in the text column. *.jsonl: one document per line,
/// in the field of that name. Any other file is one document, or several split by the separator. All but
/// parquet may also be *.gz or *.zst. Throws UserError, or std::system_error when a file cannot be read.
void read_documents(const Corpus& corpus,
                    const std::function<void(std::string text, Part part, double share)>& take);

/// Turns text into the files of a data set, in an empty folder. Reads the corpus twice: for the tokenizer,
/// which learns from the training documents, and to encode.
///
/// Validation and test documents are stored in order of their hashes, so that an evaluation over the first
/// rows covers a random sample. Copies of them are dropped and counted, in training too. Training documents
/// keep the corpus order, with the copies the corpus has. A text longer than a row is stored as several
/// documents that each fill a row: packing drops what it crops, so otherwise most of a corpus of long texts
/// would never be seen.
DataMeta make_data_set(const PrepareOptions& options, const Corpus& corpus,
                       const std::filesystem::path& folder);

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "prepare/corpus/local_files.h"
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
    std::int64_t modified = 0;         // nanoseconds, by the file system's clock
    std::filesystem::path order = {};  // what it is ordered by; empty: its path
};

/// The files of a corpus, and how to read them.
struct Corpus {
    std::vector<CorpusFile> files;  // held-out ones first, otherwise ordered by name alone
    std::string text_column = "text", separator;
    std::vector<std::string> parquet_reader;
    std::size_t part_bytes = 0;  // a text without separator is cut into parts of so many, up to twice that
    Counts skipped = {};         // files
    std::string note = {};       // for the person, on how it was fetched
};

/// "torch-sources": all *.py files of the torch package, one document each. A name in corpora.json: what that
/// entry lists, downloaded if needed. A file or glob: the files themselves. A folder: what
/// local_files() says. Throws UserError when there is no such corpus or nothing in
/// it.
Corpus find_corpus(const PrepareOptions& options);

/// The same, but nothing is downloaded or written; nothing when a file is yet to be fetched.
std::optional<Corpus> corpus_on_disk(const PrepareOptions& options);

/// Throws UserError when there is no such corpus, or when it has files that this machine cannot read.
/// Downloads nothing.
void check_corpus(const PrepareOptions& options);

/// What identifies the corpus from any working directory: its name, or its absolute path. Relative ones are
/// below `folder`, or else the working directory.
std::string corpus_key(const std::string& corpus, const std::filesystem::path& folder = {});

/// Throws UserError when the corpus has parquet files and this machine cannot read them.
void check_readers(const Corpus& corpus);

struct ReadReport {
    Counts skipped;    // files and rows
    std::string note;  // for the person; empty: none
};

/// Calls take for all documents of a corpus in order; share: how much of the corpus was read so far, 0 to 1.
/// Parquet: one document per row, in the text column. JSON lines: one per line, in the field of that name.
/// Any other file is one document, or several split by the separator. docs/data.md says how a kind is
/// recognized. Empty texts and null are skipped and counted, and so are rows that cannot be read, up to 1 %.
/// Throws UserError, or std::system_error when a file cannot be read.
ReadReport read_documents(const Corpus& corpus,
                          const std::function<void(std::string text, Part part, double share)>& take);

/// Turns text into the files of a data set, in an empty folder. Reads the corpus twice: for the tokenizer,
/// which learns from the training documents, and to encode.
///
/// Validation and test documents are stored in order of their hashes, so that an evaluation over the first
/// rows covers a random sample. Copies of them are dropped and counted, in training too. Training documents
/// keep the corpus order, with the copies the corpus has. A text longer than a row is stored as several
/// documents that each fill a row: packing drops what it crops, so otherwise most of a corpus of long texts
/// would never be seen.
///
/// Where whole files are too few to split, texts without separator are cut into parts. Adds notes for people.
DataMeta make_data_set(const PrepareOptions& options, Corpus corpus, const std::filesystem::path& folder,
                       std::vector<std::string>& notes);

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
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
    std::int64_t bytes = 0;
    std::int64_t modified = 0;  // nanoseconds, of the file system's clock
    Part part = Part::by_hash;
};

/// The files of a corpus, and how to read them.
struct Corpus {
    std::vector<CorpusFile> files;  // held-out ones first, else in an order that depends on their names alone
    std::string text_column, separator;
    std::filesystem::path parquet_reader;
};

/// "torch-sources": all *.py of the torch package, a document each. A name in corpora.json: what stands
/// there, downloaded if need be. A file or glob: the files themselves. A folder: all files below it that look
/// like text by their extension, hidden ones excepted. Throws UserError when there is no such corpus or
/// nothing in it.
Corpus find_corpus(const PrepareOptions& options);

/// What identifies the corpus from any working directory: its name, or its absolute path.
std::string corpus_key(const std::string& corpus);

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "prepare/data/corpus.h"

namespace autoresearch {

struct Document {
    std::string text;
    Part part = Part::by_hash;
};

/// Reads the documents of a corpus one after the other; empty ones are left out. *.parquet: a document a row,
/// in the text column. *.jsonl: a document a line, in the field of that name. Any other file is one document,
/// or several where the separator stands between them. All but parquet also as *.gz and *.zst.
class DocumentReader {
  public:
    explicit DocumentReader(const Corpus& corpus);
    ~DocumentReader();
    /// False at the end. Throws UserError, or std::system_error when a file cannot be read.
    bool next(Document& document);
    /// Of the bytes, 0 to 1.
    double share_read() const;

    class File;  // one file that is being read

  private:
    const Corpus& corpus_;
    std::size_t file_ = 0;
    std::unique_ptr<File> open_;
    std::int64_t bytes_before_ = 0, bytes_total_ = 0;
};

/// What a file is read as, in lower case and without .gz or .zst: ".jsonl", ".parquet", ".txt", ...
std::string kind_of(const std::filesystem::path& file);

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace autoresearch {

/// The name of the corpus that every machine with torch has: the Python sources of the installed package.
inline constexpr const char* kTorchSources = "torch-sources";

struct CorpusFile {
    std::filesystem::path path;
    std::int64_t bytes = 0;
    std::int64_t modified = 0;  // nanoseconds, of the file system's clock
    bool operator==(const CorpusFile&) const = default;
};

/// The files of a corpus, in an order that depends on their names alone.
/// "torch-sources": all *.py below `torch_sources`, a document each. A file or glob: the files themselves. A
/// folder: all files below it that look like text by their extension, hidden ones excepted. *.jsonl: a
/// document a line, in the field "text"; any other file is one document. Throws UserError when there is no
/// such corpus or nothing in it.
std::vector<CorpusFile> find_corpus(const std::string& corpus, const std::filesystem::path& torch_sources);

/// What identifies the corpus from any working directory: its name, or its absolute path.
std::string corpus_key(const std::string& corpus);

/// Reads the documents of a corpus one after the other; empty ones are left out.
class DocumentReader {
  public:
    explicit DocumentReader(const std::vector<CorpusFile>& files);
    /// False at the end. Throws UserError when a file cannot be read or is not what its name says.
    bool next(std::string& document);
    /// Of the bytes, 0 to 1.
    double share_read() const;

  private:
    bool next_line(std::string& document);

    const std::vector<CorpusFile>& files_;
    std::size_t file_ = 0;
    std::ifstream lines_;  // open while in the middle of a jsonl file
    std::int64_t line_number_ = 0;
    std::int64_t bytes_read_ = 0, bytes_total_ = 0;
};

}  // namespace autoresearch

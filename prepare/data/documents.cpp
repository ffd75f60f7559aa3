#include "prepare/data/documents.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "autoresearch/error.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

std::string lower_extension(const fs::path& file) {
    std::string extension = file.extension().string();
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return extension;
}

[[noreturn]] void cannot_read(const fs::path& file) {
    throw std::system_error(errno, std::generic_category(), "cannot read " + file.string());
}

[[noreturn]] void throw_damaged(const fs::path& file, const std::string& what) {
    throw UserError("cannot read " + file.string() + ": " + what, "get or make the file anew");
}

template <auto close>
struct Close {
    template <class Handle>
    void operator()(Handle* handle) const {
        close(handle);
    }
};

/// The bytes of a file from front to back, decompressed.
class Bytes {
  public:
    virtual ~Bytes() = default;
    /// At least one byte, at most `most`; 0 at the end.
    virtual std::size_t read(char* to, std::size_t most) = 0;
    virtual std::int64_t position() = 0;  // in the stored file
};

/// zlib reads files that are not compressed as they are.
class PlainOrGzip : public Bytes {
  public:
    explicit PlainOrGzip(const fs::path& path) : path_(path), file_(::gzopen(path.c_str(), "rbe")) {
        if (file_ == nullptr) cannot_read(path);
        ::gzbuffer(file_, 1 << 18);
        if (lower_extension(path) == ".gz" && ::gzdirect(file_) != 0) {
            ::gzclose(file_);
            throw_damaged(path, "it is not gzip");
        }
    }
    ~PlainOrGzip() override { ::gzclose(file_); }
    PlainOrGzip(const PlainOrGzip&) = delete;
    PlainOrGzip& operator=(const PlainOrGzip&) = delete;

    std::size_t read(char* to, std::size_t most) override {
        const int got = ::gzread(file_, to, static_cast<unsigned>(most));
        int error = Z_OK;
        const char* const why = ::gzerror(file_, &error);
        if (error == Z_ERRNO) cannot_read(path_);
        if (got < 0 || (got == 0 && error != Z_OK)) throw_damaged(path_, why);
        return static_cast<std::size_t>(got);
    }
    std::int64_t position() override { return ::gzoffset(file_); }

  private:
    const fs::path path_;
    const gzFile file_;
};

class Zstd : public Bytes {
  public:
    explicit Zstd(const fs::path& path) : path_(path), file_(std::fopen(path.c_str(), "rbe")) {
        if (!file_) cannot_read(path);
    }

    std::size_t read(char* to, std::size_t most) override {
        ZSTD_outBuffer out{to, most, 0};
        while (out.pos == 0) {
            if (in_.pos == in_.size) {
                in_ = {stored_.data(), std::fread(stored_.data(), 1, stored_.size(), file_.get()), 0};
                if (std::ferror(file_.get()) != 0) cannot_read(path_);
            }
            const bool at_end = in_.size == 0;
            if (at_end && wanted_ == 0) return 0;
            wanted_ = ::ZSTD_decompressStream(stream_.get(), &out, &in_);
            if (::ZSTD_isError(wanted_) != 0) throw_damaged(path_, ::ZSTD_getErrorName(wanted_));
            if (at_end && out.pos == 0) throw_damaged(path_, "unexpected end of file");
        }
        return out.pos;
    }
    std::int64_t position() override { return std::ftell(file_.get()); }

  private:
    const fs::path path_;
    const std::unique_ptr<std::FILE, Close<std::fclose>> file_;
    const std::unique_ptr<ZSTD_DStream, Close<::ZSTD_freeDStream>> stream_{::ZSTD_createDStream()};
    std::array<char, 1 << 17> stored_;
    ZSTD_inBuffer in_{nullptr, 0, 0};
    std::size_t wanted_ = 0;  // by zstd, more bytes; 0 at the end of a frame
};

}  // namespace

class DocumentReader::File {
  public:
    virtual ~File() = default;
    virtual bool next(std::string& text) = 0;
    virtual std::int64_t position() = 0;
};

namespace {

class TextFile : public DocumentReader::File {
  public:
    /// An empty separator: the file is one document.
    TextFile(const fs::path& path, std::string separator) : separator_(std::move(separator)) {
        if (lower_extension(path) == ".zst")
            bytes_ = std::make_unique<Zstd>(path);
        else
            bytes_ = std::make_unique<PlainOrGzip>(path);
    }

    bool next(std::string& text) override {
        std::size_t searched = 0;
        while (true) {
            const std::size_t end =
                separator_.empty() ? std::string::npos : buffer_.find(separator_, begin_ + searched);
            if (end != std::string::npos) {
                text.assign(buffer_, begin_, end - begin_);
                begin_ = end + separator_.size();
                return true;
            }
            buffer_.erase(0, std::exchange(begin_, 0));
            searched = buffer_.size() - std::min(buffer_.size(), separator_.size());
            const std::size_t before = buffer_.size();
            buffer_.resize(before + kBlock);
            buffer_.resize(before + bytes_->read(buffer_.data() + before, kBlock));
            if (buffer_.size() > before) continue;
            text = std::exchange(buffer_, {});
            return !text.empty();
        }
    }
    std::int64_t position() override { return bytes_->position(); }

  private:
    static constexpr std::size_t kBlock = 1 << 18;
    const std::string separator_;
    std::unique_ptr<Bytes> bytes_;
    std::string buffer_;
    std::size_t begin_ = 0;  // of what is not given out yet, in buffer_
};

class JsonLines : public DocumentReader::File {
  public:
    JsonLines(const fs::path& path, std::string field)
        : path_(path), field_(std::move(field)), lines_(path, "\n") {}

    bool next(std::string& text) override {
        std::string line;
        while (lines_.next(line)) {
            ++number_;
            if (trim(line).empty()) continue;
            const auto json = nlohmann::json::parse(line, nullptr, false);
            const auto found = json.is_object() ? json.find(field_) : json.end();
            if (found == json.end() || !found->is_string())
                throw UserError(
                    path_.string() + ", line " + std::to_string(number_) +
                        (json.is_discarded() ? " is not JSON" : " has no text in a field \"" + field_ + "\""),
                    "every line must be an object like {\"" + field_ +
                        "\": \"...\"}; --text-column names another field");
            text = found->get<std::string>();
            return true;
        }
        return false;
    }
    std::int64_t position() override { return lines_.position(); }

  private:
    const fs::path path_;
    const std::string field_;
    TextFile lines_;
    std::int64_t number_ = 0;
};

/// Through the program read-parquet, so that nothing else has to load Arrow. Its output: the number of rows,
/// then each row's length and text; numbers are 8 bytes. kProblem for a length: the rest is an error message.
class ParquetFile : public DocumentReader::File {
  public:
    ParquetFile(const CorpusFile& file, const Corpus& corpus) : file_(file) {
        if (corpus.parquet_reader.empty() || !fs::exists(corpus.parquet_reader))
            throw UserError("cannot read " + file.path.string() + ": the program read-parquet is missing",
                            "build it with scripts/setup");
        // Ctrl-C is for us to act on; the reader ends when we stop reading.
        const std::string command = "trap '' INT; exec " + shell_quote(corpus.parquet_reader.string()) + " " +
                                    shell_quote(fs::absolute(file.path).string()) + " " +
                                    shell_quote(corpus.text_column);
        pipe_.reset(
            ::popen(command.c_str(), "r"));  // NOLINT(bugprone-command-processor): all words are quoted
        if (!pipe_) cannot_read(file.path);
        rows_ = number();
    }

    bool next(std::string& text) override {
        if (row_ == rows_) return false;
        ++row_;
        text.resize(number());
        take(text.data(), text.size());
        return true;
    }
    std::int64_t position() override {
        const double share = rows_ == 0 ? 1 : static_cast<double>(row_) / static_cast<double>(rows_);
        return static_cast<std::int64_t>(share * static_cast<double>(file_.bytes));
    }

  private:
    static constexpr std::uint64_t kProblem = ~std::uint64_t{0};

    std::uint64_t number() {
        std::uint64_t value = 0;
        take(reinterpret_cast<char*>(&value), sizeof value);
        if (value != kProblem) return value;
        std::string message(1000, '\0');
        message.resize(std::fread(message.data(), 1, message.size(), pipe_.get()));
        throw UserError("cannot read " + file_.path.string() + ": " + clean_line(message),
                        "a parquet file with a column of text is needed; --text-column names it");
    }

    void take(char* to, std::size_t bytes) {
        if (std::fread(to, 1, bytes, pipe_.get()) != bytes)
            throw_damaged(file_.path, "read-parquet ended in the middle");
    }

    const CorpusFile& file_;
    std::unique_ptr<std::FILE, Close<::pclose>> pipe_;
    std::uint64_t rows_ = 0, row_ = 0;
};

std::unique_ptr<DocumentReader::File> open_file(const CorpusFile& file, const Corpus& corpus) {
    const std::string kind = kind_of(file.path);
    if (kind == ".parquet") return std::make_unique<ParquetFile>(file, corpus);
    if (kind == ".jsonl") return std::make_unique<JsonLines>(file.path, corpus.text_column);
    return std::make_unique<TextFile>(file.path, corpus.separator);
}

}  // namespace

std::string kind_of(const fs::path& file) {
    const std::string extension = lower_extension(file);
    return extension == ".gz" || extension == ".zst" ? lower_extension(file.stem()) : extension;
}

DocumentReader::DocumentReader(const Corpus& corpus) : corpus_(corpus) {
    for (const CorpusFile& file : corpus.files) bytes_total_ += file.bytes;
}
DocumentReader::~DocumentReader() = default;

bool DocumentReader::next(Document& document) {
    for (; file_ < corpus_.files.size(); ++file_) {
        const CorpusFile& file = corpus_.files[file_];
        if (!open_) open_ = open_file(file, corpus_);
        document.part = file.part;
        while (open_->next(document.text))
            if (!document.text.empty()) return true;
        open_.reset();
        bytes_before_ += file.bytes;
    }
    return false;
}

double DocumentReader::share_read() const {
    const auto read = static_cast<double>(bytes_before_ + (open_ ? open_->position() : 0));
    return std::min(1.0, read / static_cast<double>(std::max<std::int64_t>(bytes_total_, 1)));
}

}  // namespace autoresearch

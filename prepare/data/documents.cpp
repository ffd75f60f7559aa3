#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/data/corpus.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using OpenFile = DocumentReader::OpenFile;

constexpr std::size_t kBlock = 1 << 18;

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

/// The bytes of a file from front to back, decompressed.
struct Bytes {
    std::function<std::size_t(char* to, std::size_t most)> read;  // at least one byte; 0 at the end
    std::function<std::int64_t()> position;                       // in the stored file
};

/// zlib reads files that are not compressed as they are.
Bytes open_plain_or_gzip(const fs::path& path) {
    const gzFile handle = ::gzopen(path.c_str(), "rbe");
    if (handle == nullptr) cannot_read(path);
    const std::shared_ptr<gzFile_s> file(handle, ::gzclose);
    ::gzbuffer(handle, kBlock);
    if (lower_extension(path) == ".gz" && ::gzdirect(handle) != 0) throw_damaged(path, "it is not gzip");
    const auto read = [path, file](char* to, std::size_t most) {
        const int got = ::gzread(file.get(), to, static_cast<unsigned>(most));
        int error = Z_OK;
        const char* const why = ::gzerror(file.get(), &error);
        if (error == Z_ERRNO) cannot_read(path);
        if (got < 0 || (got == 0 && error != Z_OK)) throw_damaged(path, why);
        return static_cast<std::size_t>(got);
    };
    return {read, [file] { return std::int64_t{::gzoffset(file.get())}; }};
}

Bytes open_zstd(const fs::path& path) {
    std::FILE* const handle = std::fopen(path.c_str(), "rbe");
    if (handle == nullptr) cannot_read(path);
    const std::shared_ptr<std::FILE> file(handle, std::fclose);
    const std::shared_ptr<ZSTD_DStream> stream(::ZSTD_createDStream(), ::ZSTD_freeDStream);
    const auto stored = std::make_shared<std::string>(kBlock, '\0');
    // wanted: by zstd, more bytes; 0 at the end of a frame
    const auto read = [=, in = ZSTD_inBuffer{nullptr, 0, 0}, wanted = std::size_t{0}](
                          char* to, std::size_t most) mutable -> std::size_t {
        ZSTD_outBuffer out{to, most, 0};
        while (out.pos == 0) {
            if (in.pos == in.size) {
                in = {stored->data(), std::fread(stored->data(), 1, stored->size(), file.get()), 0};
                if (std::ferror(file.get()) != 0) cannot_read(path);
            }
            const bool at_end = in.size == 0;
            if (at_end && wanted == 0) return 0;
            wanted = ::ZSTD_decompressStream(stream.get(), &out, &in);
            if (::ZSTD_isError(wanted) != 0) throw_damaged(path, ::ZSTD_getErrorName(wanted));
            if (at_end && out.pos == 0) throw_damaged(path, "unexpected end of file");
        }
        return out.pos;
    };
    return {read, [file] { return std::int64_t{std::ftell(file.get())}; }};
}

/// An empty separator: the file is one document.
OpenFile open_text(const fs::path& path, const std::string& separator) {
    const Bytes bytes = lower_extension(path) == ".zst" ? open_zstd(path) : open_plain_or_gzip(path);
    // begin: of what is not given out yet, in buffer
    const auto next = [read = bytes.read, separator, buffer = std::string(),
                       begin = std::size_t{0}](std::string& text) mutable {
        std::size_t searched = 0;
        while (true) {
            const std::size_t end =
                separator.empty() ? std::string::npos : buffer.find(separator, begin + searched);
            if (end != std::string::npos) {
                text.assign(buffer, begin, end - begin);
                begin = end + separator.size();
                return true;
            }
            buffer.erase(0, std::exchange(begin, 0));
            searched = buffer.size() - std::min(buffer.size(), separator.size());
            const std::size_t before = buffer.size();
            buffer.resize(before + kBlock);
            buffer.resize(before + read(buffer.data() + before, kBlock));
            if (buffer.size() > before) continue;
            text = std::exchange(buffer, {});
            return !text.empty();
        }
    };
    return {next, bytes.position};
}

OpenFile open_json_lines(const fs::path& path, const std::string& field) {
    OpenFile lines = open_text(path, "\n");
    const auto next = [path, field, next_line = lines.next, number = 0LL,
                       line = std::string()](std::string& text) mutable {
        do {
            if (!next_line(line)) return false;
            ++number;
        } while (trim(line).empty());
        const auto json = nlohmann::json::parse(line, nullptr, false);
        const auto found = json.is_object() ? json.find(field) : json.end();
        if (found == json.end() || !found->is_string())
            throw UserError(
                path.string() + ", line " + std::to_string(number) +
                    (json.is_discarded() ? " is not JSON" : " has no text in a field \"" + field + "\""),
                "every line must be an object like {\"" + field +
                    "\": \"...\"}; --text-column names another field");
        text = found->get<std::string>();
        return true;
    };
    return {next, lines.position};
}

/// Through the program read-parquet, so that nothing else has to load Arrow. Its output: the number of rows,
/// then each row's length and text; numbers are 8 bytes. kProblem for a length: the rest is an error message.
class ParquetRows {
  public:
    ParquetRows(const CorpusFile& file, const Corpus& corpus) : file_(file) {
        if (corpus.parquet_reader.empty() || !fs::exists(corpus.parquet_reader))
            throw UserError("cannot read " + file.path.string() + ": the program read-parquet is missing",
                            "build it with scripts/setup");
        // Ctrl-C is for us to act on; the reader ends when we stop reading.
        const std::string command = "trap '' INT; exec " + shell_quote(corpus.parquet_reader.string()) + " " +
                                    shell_quote(fs::absolute(file.path).string()) + " " +
                                    shell_quote(corpus.text_column);
        std::FILE* const pipe = ::popen(command.c_str(), "r");  // NOLINT(bugprone-command-processor): quoted
        if (pipe == nullptr) cannot_read(file.path);
        pipe_.reset(pipe, ::pclose);
        rows_ = number();
    }

    bool next(std::string& text) {
        if (row_ == rows_) return false;
        ++row_;
        text.resize(number());
        take(text.data(), text.size());
        return true;
    }
    std::int64_t position() const {
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
    std::shared_ptr<std::FILE> pipe_;
    std::uint64_t rows_ = 0, row_ = 0;
};

OpenFile open_file(const CorpusFile& file, const Corpus& corpus) {
    const std::string kind = kind_of(file.path);
    if (kind == ".jsonl") return open_json_lines(file.path, corpus.text_column);
    if (kind != ".parquet") return open_text(file.path, corpus.separator);
    const auto rows = std::make_shared<ParquetRows>(file, corpus);
    return {[rows](std::string& text) { return rows->next(text); }, [rows] { return rows->position(); }};
}

}  // namespace

std::string kind_of(const fs::path& file) {
    const std::string extension = lower_extension(file);
    return extension == ".gz" || extension == ".zst" ? lower_extension(file.stem()) : extension;
}

DocumentReader::DocumentReader(const Corpus& corpus) : corpus_(corpus) {
    for (const CorpusFile& file : corpus.files) bytes_total_ += file.bytes;
}

bool DocumentReader::next(Document& document) {
    for (; file_ < corpus_.files.size(); ++file_) {
        const CorpusFile& file = corpus_.files[file_];
        if (!open_.next) open_ = open_file(file, corpus_);
        document.part = file.part;
        while (open_.next(document.text))
            if (!document.text.empty()) return true;
        open_ = {};
        bytes_before_ += file.bytes;
    }
    return false;
}

double DocumentReader::share_read() const {
    const auto read = static_cast<double>(bytes_before_ + (open_.position ? open_.position() : 0));
    return std::min(1.0, read / static_cast<double>(std::max<std::int64_t>(bytes_total_, 1)));
}

}  // namespace autoresearch

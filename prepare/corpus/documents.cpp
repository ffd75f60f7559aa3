#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "autoresearch/error.h"
#include "prepare/corpus/corpus.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// Takes a block of text or a whole document; position: in the stored file.
using Take = std::function<void(std::string text, double position)>;

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
    throw UserError("cannot read " + file.string() + ": " + what, "download or create the file again");
}

/// zlib passes uncompressed files through.
void read_plain_or_gzip(const fs::path& path, const Take& take) {
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(::gzopen(path.c_str(), "rbe"), ::gzclose);
    if (!file) cannot_read(path);
    ::gzbuffer(file.get(), kBlock);
    if (lower_extension(path) == ".gz" && ::gzdirect(file.get()) != 0) throw_damaged(path, "it is not gzip");
    std::string block(kBlock, '\0');
    int got = 0;
    while ((got = ::gzread(file.get(), block.data(), kBlock)) > 0)
        take(block.substr(0, static_cast<std::size_t>(got)), static_cast<double>(::gzoffset(file.get())));
    int error = Z_OK;
    const char* const why = ::gzerror(file.get(), &error);
    if (error == Z_ERRNO) cannot_read(path);
    if (error != Z_OK) throw_damaged(path, why);
}

void read_zstd(const fs::path& path, const Take& take) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
    if (!file) cannot_read(path);
    const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(::ZSTD_createDStream(),
                                                                               ::ZSTD_freeDStream);
    std::string stored(kBlock, '\0'), block(kBlock, '\0');
    std::size_t wanted = 0;  // more bytes that zstd expects; 0 at the end of a frame
    double position = 0;
    while (std::feof(file.get()) == 0 && std::ferror(file.get()) == 0) {
        const std::size_t got = std::fread(stored.data(), 1, kBlock, file.get());
        position += static_cast<double>(got);
        ZSTD_inBuffer in{stored.data(), got, 0};
        ZSTD_outBuffer out{block.data(), kBlock, 0};
        while (in.pos < in.size || (wanted != 0 && out.pos == out.size)) {
            out.pos = 0;
            wanted = ::ZSTD_decompressStream(stream.get(), &out, &in);
            if (::ZSTD_isError(wanted) != 0) throw_damaged(path, ::ZSTD_getErrorName(wanted));
            take(block.substr(0, out.pos), position);
        }
    }
    if (std::ferror(file.get()) != 0) cannot_read(path);
    if (wanted != 0) throw_damaged(path, "unexpected end of file");
}

/// An empty separator: the file is one document.
void read_text(const fs::path& path, const std::string& separator, const Take& take) {
    std::string rest;  // the text after the last separator
    double last = 0;
    const auto cut = [&](const std::string& block, double position) {
        std::size_t from = rest.size() - std::min(rest.size(), separator.size()), begin = 0;
        rest += block;
        last = position;
        for (std::size_t end; !separator.empty() && (end = rest.find(separator, from)) != std::string::npos;
             begin = from = end + separator.size())
            take(rest.substr(begin, end - begin), position);
        rest.erase(0, begin);
    };
    lower_extension(path) == ".zst" ? read_zstd(path, cut) : read_plain_or_gzip(path, cut);
    take(std::move(rest), last);
}

void read_json_lines(const fs::path& path, const std::string& field, const Take& take) {
    read_text(path, "\n", [&, number = 0LL](const std::string& line, double position) mutable {
        ++number;
        if (trim(line).empty()) return;
        const auto json = nlohmann::json::parse(line, nullptr, false);
        const auto found = json.is_object() ? json.find(field) : json.end();
        if (found == json.end() || !found->is_string())
            throw UserError(
                path.string() + ", line " + std::to_string(number) +
                    (json.is_discarded() ? " is not JSON" : " has no text in a field \"" + field + "\""),
                "every line must be an object like {\"" + field +
                    "\": \"...\"}; --text-column names another field");
        take(found->get<std::string>(), position);
    });
}

using Pipe = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// Starts a command and returns its output for reading.
Pipe start(const std::vector<std::string>& command, const std::string& redirection = "") {
    // We handle Ctrl-C; the command ends when we stop reading.
    std::string line = "trap '' INT; exec";
    for (const std::string& word : command) line += " " + shell_quote(word);
    line += redirection;
    return {::popen(line.c_str(), "r"), ::pclose};  // NOLINT(bugprone-command-processor): quoted
}

std::string rest_of(std::FILE* pipe) {
    std::string text(10000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), pipe));
    return text;
}

/// Reads through read_parquet.py, so that nothing here has to know Arrow. Its output: the number of rows,
/// then each row's length and text; numbers are 8 bytes. If a number is all ones, the rest is an error
/// message.
void read_parquet(const CorpusFile& file, const Corpus& corpus, const Take& take) {
    std::vector<std::string> command = corpus.parquet_reader;
    command.insert(command.end(), {fs::absolute(file.path).string(), corpus.text_column});
    const Pipe pipe = start(command);
    if (!pipe) cannot_read(file.path);
    const auto read = [&](char* to, std::size_t bytes) {
        if (std::fread(to, 1, bytes, pipe.get()) != bytes)
            throw_damaged(file.path, "its reader stopped midway");
    };
    const auto number = [&] {
        std::uint64_t value = 0;
        read(reinterpret_cast<char*>(&value), sizeof value);
        if (value != ~std::uint64_t{0}) return value;
        throw UserError("cannot read " + file.path.string() + ": " + clean_line(rest_of(pipe.get())),
                        "a parquet file with a column of text is needed; --text-column names it");
    };
    const std::uint64_t rows = number();
    for (std::uint64_t row = 1; row <= rows; ++row) {
        std::string text;
        // A damaged length is not believed before as many bytes have come.
        for (std::uint64_t left = number(); left > 0;) {
            const std::size_t block = std::min<std::uint64_t>(left, kBlock);
            text.resize(text.size() + block);
            read(text.data() + text.size() - block, block);
            left -= block;
        }
        const double share = static_cast<double>(row) / static_cast<double>(rows);
        take(std::move(text), share * static_cast<double>(file.bytes));
    }
}

}  // namespace

std::string kind_of(const fs::path& file) {
    std::string extension = lower_extension(file);
    if (extension != ".gz" && extension != ".zst") return extension;
    const std::string inner = lower_extension(file.stem());
    return inner == ".parquet" ? inner + extension : inner;
}

void check_readers(const Corpus& corpus) {
    for (const CorpusFile& file : corpus.files)
        if (kind_of(file.path) == ".parquet") return check_parquet_reader(corpus.parquet_reader);
}

void check_parquet_reader(const std::vector<std::string>& reader) {
    const auto refuse = [](const std::string& why) {
        throw UserError("cannot read parquet files: " + why, "run scripts/setup");
    };
    if (reader.empty()) refuse("no reader is named");
    for (const std::string& file : {reader.front(), reader.back()})
        if (!fs::exists(file)) refuse(file + " is missing");
    Pipe pipe = start(reader, " 2>&1");
    const std::string output = pipe ? rest_of(pipe.get()) : "";
    if (!pipe || ::pclose(pipe.release()) != 0) refuse(reader.front() + ": " + clean_line(last_line(output)));
}

void read_documents(const Corpus& corpus,
                    const std::function<void(std::string text, Part part, double share)>& take) {
    double before = 0, total = 0;
    for (const CorpusFile& file : corpus.files) total += static_cast<double>(file.bytes);
    for (const CorpusFile& file : corpus.files) {
        const auto take_one = [&](std::string text, double position) {
            if (!text.empty()) take(std::move(text), file.part, std::min(1.0, (before + position) / total));
        };
        const std::string kind = kind_of(file.path);
        if (kind == ".jsonl") {
            read_json_lines(file.path, corpus.text_column, take_one);
        } else if (kind == ".parquet") {
            read_parquet(file, corpus, take_one);
        } else {
            read_text(file.path, corpus.separator, take_one);
        }
        before += static_cast<double>(file.bytes);
    }
}

}  // namespace autoresearch

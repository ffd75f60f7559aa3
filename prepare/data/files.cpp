#include "prepare/data/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DataMeta, fingerprint, corpus, vocab_size, bos, seq_len, eval_tokens,
                                   train_tokens, val_tokens, test_tokens, train_documents, val_documents,
                                   test_documents, dropped_duplicates, tokenizer_digest)

namespace {

constexpr const char* kMend = "prepare the data again";
static_assert(std::endian::native == std::endian::little, "shards are stored in little-endian order");

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr char kMagic[8] = {'A', 'R', 'S', 'H', 'A', 'R', 'D', '\n'};
constexpr std::uint32_t kVersion = 1;
constexpr int kWideVocabulary = 65536;

/// The first 64 bytes. Then the tokens, zeros up to a multiple of 8, and num_documents + 1 offsets counted in
/// tokens.
struct Header {
    char magic[8];
    std::uint32_t version, token_bytes;
    std::uint64_t num_documents, num_tokens;
    std::uint64_t fingerprint;
    std::uint64_t token_digest;   // xxh64 chained over the documents' stored bytes
    std::uint64_t offset_digest;  // xxh64 of the offsets
    std::uint64_t header_digest;  // xxh64 of the bytes before
};
static_assert(sizeof(Header) == 64);

std::uint64_t digest_of(const Header& header) {
    return xxh64({reinterpret_cast<const char*>(&header), offsetof(Header, header_digest)});
}

template <class Integer>
std::string_view bytes_of(std::span<const Integer> numbers) {
    return {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()};
}

[[noreturn]] void throw_damaged(const std::filesystem::path& file, const std::string& what) {
    throw UserError("damaged shard " + file.string() + ": " + what, kMend);
}

Header checked_header(const char* map, const std::filesystem::path& file) {
    Header header{};
    std::memcpy(&header, map, sizeof header);
    if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
        throw UserError("not a token shard: " + file.string(), kMend);
    if (header.version != kVersion)
        throw UserError("token shard of format version " + std::to_string(header.version) +
                            ", this program reads " + std::to_string(kVersion) + ": " + file.string(),
                        kMend);
    if (header.header_digest != digest_of(header) || (header.token_bytes != 2 && header.token_bytes != 4))
        throw_damaged(file, "the header is not as written");
    return header;
}

std::size_t padded(std::size_t bytes) {
    return (bytes + 7) / 8 * 8;
}

constexpr int kFormat = 1;

void check_shard(const std::filesystem::path& file, const DataMeta& meta, std::int64_t tokens,
                 bool every_token) {
    const Shard shard(file);
    if (hex(shard.fingerprint()) != meta.fingerprint)
        throw UserError("shard of another data set: " + file.string() + " is of " + hex(shard.fingerprint()) +
                            ", its folder of " + meta.fingerprint,
                        kMend);
    if (shard.num_tokens() != tokens)
        throw UserError("shard and meta.json disagree: " + file.string(), kMend);
    if (every_token) shard.verify();
}

}  // namespace

Shard::Shard(const std::filesystem::path& file) : file_(file) {
    const Fd fd = open_file(file, O_RDONLY | O_NONBLOCK);  // a pipe shall not be waited for
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) throw_errno("cannot read " + file.string());
    if (!S_ISREG(status.st_mode)) throw UserError("not a token shard: " + file.string());
    const auto bytes = static_cast<std::size_t>(status.st_size);
    if (bytes < sizeof(Header)) throw_damaged(file, "truncated to " + std::to_string(bytes) + " bytes");
    void* const map = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (map == MAP_FAILED) throw_errno("cannot map " + file.string());
    map_ = {static_cast<const char*>(map), [map, bytes](const char*) { ::munmap(map, bytes); }};
    const Header header = checked_header(map_.get(), file);
    const std::size_t offsets_at = sizeof header + padded(header.num_tokens * header.token_bytes);
    const std::size_t expected = offsets_at + (header.num_documents + 1) * sizeof(std::uint64_t);
    if (bytes != expected)
        throw_damaged(file, std::to_string(bytes) + " bytes instead of " + std::to_string(expected));
    tokens_ = map_.get() + sizeof header;
    offsets_ = reinterpret_cast<const std::uint64_t*>(map_.get() + offsets_at);
    if (xxh64(bytes_of(std::span(offsets_, header.num_documents + 1))) != header.offset_digest)
        throw_damaged(file, "the document offsets are not as written");
    token_bytes_ = static_cast<int>(header.token_bytes);
    num_tokens_ = static_cast<std::int64_t>(header.num_tokens);
    num_documents_ = static_cast<std::int64_t>(header.num_documents);
    fingerprint_ = header.fingerprint;
    token_digest_ = header.token_digest;
}

void Shard::copy(std::int64_t document, std::int64_t count, std::int64_t* out) const {
    const std::uint64_t first = offsets_[document];
    if (token_bytes_ == 2) {
        std::copy_n(static_cast<const std::uint16_t*>(tokens_) + first, count, out);
    } else {
        std::copy_n(static_cast<const std::uint32_t*>(tokens_) + first, count, out);
    }
}

void Shard::verify() const {
    Digest digest;
    const auto width = static_cast<std::size_t>(token_bytes_);
    for (std::int64_t i = 0; i < num_documents_; ++i)
        digest.add(std::string_view(static_cast<const char*>(tokens_) + offsets_[i] * width,
                                    static_cast<std::size_t>(length(i)) * width));
    if (digest.value() != token_digest_) throw_damaged(file_, "the tokens are not as written");
}

ShardWriter::ShardWriter(const std::filesystem::path& file, int vocab_size)
    : file_(file),
      fd_(open_file(file, O_WRONLY | O_CREAT | O_TRUNC)),
      token_bytes_(vocab_size < kWideVocabulary ? 2 : 4) {
    write(std::string(sizeof(Header), '\0'));
}

void ShardWriter::write(std::string_view bytes) {
    buffer_.append(bytes);
    if (buffer_.size() >= kBufferBytes) flush();
}

void ShardWriter::flush() {
    write_all(fd_.get(), buffer_, file_.string());
    buffer_.clear();
}

void ShardWriter::append(std::span<const std::uint32_t> document) {
    std::string_view bytes = bytes_of(document);
    if (token_bytes_ == 2) {
        narrow_.assign(document.begin(), document.end());
        bytes = bytes_of(std::span<const std::uint16_t>(narrow_));
    }
    write(bytes);
    digest_.add(bytes);
    offsets_.push_back(offsets_.back() + document.size());
}

void ShardWriter::finish(std::uint64_t fingerprint) {
    const std::size_t token_bytes = offsets_.back() * token_bytes_;
    write(std::string(padded(token_bytes) - token_bytes, '\0'));
    const std::string_view offset_bytes = bytes_of(std::span<const std::uint64_t>(offsets_));
    write(offset_bytes);
    Header header{};
    std::copy_n(kMagic, sizeof kMagic, header.magic);
    header.version = kVersion;
    header.token_bytes = token_bytes_;
    header.num_documents = offsets_.size() - 1;
    header.num_tokens = offsets_.back();
    header.fingerprint = fingerprint;
    header.token_digest = digest();
    header.offset_digest = xxh64(offset_bytes);
    header.header_digest = digest_of(header);
    flush();
    if (::lseek(fd_.get(), 0, SEEK_SET) != 0) throw_errno("cannot write " + file_.string());
    write_all(fd_.get(), {reinterpret_cast<const char*>(&header), sizeof header}, file_.string());
    flush_to_disk(fd_.get(), file_.string());
}

DataMeta read_meta(const std::filesystem::path& directory, bool every_token) {
    const std::filesystem::path file = directory / kMetaFile;
    DataMeta meta;
    try {
        const auto json = nlohmann::json::parse(read_file(file));
        if (json.at("format") != kFormat)
            throw UserError("data set of another format: " + file.string(), kMend);
        meta = json.get<DataMeta>();
        meta.split_pattern = json.value("split_pattern", "");
    } catch (const nlohmann::json::exception& error) {
        throw UserError("damaged data set: " + file.string() + ": " + error.what(), kMend);
    }
    check_shard(directory / kTrainFile, meta, meta.train_tokens, every_token);
    check_shard(directory / kValFile, meta, meta.val_tokens, true);
    check_shard(directory / kTestFile, meta, meta.test_tokens, every_token);
    if (xxh64(read_file(directory / kTokenizerFile)) != meta.tokenizer_digest)
        throw UserError("damaged tokenizer: " + (directory / kTokenizerFile).string(), kMend);
    return meta;
}

void write_meta(const DataMeta& meta, const std::filesystem::path& directory) {
    nlohmann::json json = meta;
    json["format"] = kFormat;
    json["split_pattern"] = meta.split_pattern;
    // A path need not be UTF-8.
    write_file_atomically(directory / kMetaFile,
                          json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace autoresearch

#include "prepare/data/files.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <functional>

#include "autoresearch/error.h"
#include "util/atomic_file.h"
#include "util/json.h"
#include "util/text.h"

namespace autoresearch {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DataMeta, fingerprint, corpus, vocab_size, bos, seq_len, eval_tokens,
                                   train_tokens, val_tokens, test_tokens, train_documents, val_documents,
                                   test_documents, dropped_duplicates, tokenizer_digest, split_pattern,
                                   format)

namespace {

constexpr const char* kFix = "prepare the data again";
static_assert(std::endian::native == std::endian::little, "shards are stored in little-endian order");

/// The first 64 bytes. Then the tokens, zeros up to a multiple of 8, and num_documents + 1 offsets counted in
/// tokens.
struct Header {
    std::uint64_t magic = 0x0A44524148535241;  // "ARSHARD\n"
    std::uint32_t version = 1, token_bytes = 2;
    std::uint64_t num_documents = 0, num_tokens = 0;
    std::uint64_t fingerprint = 0;
    std::uint64_t token_digest = 0;   // xxh64 chained over the documents' stored bytes
    std::uint64_t offset_digest = 0;  // xxh64 of the offsets
    std::uint64_t header_digest = 0;  // xxh64 of the bytes before

    std::uint64_t digest() const {
        return xxh64({reinterpret_cast<const char*>(this), offsetof(Header, header_digest)});
    }
    std::size_t padded_token_bytes() const { return (num_tokens * token_bytes + 7) / 8 * 8; }
};
static_assert(sizeof(Header) == 64);

template <class Integer>
std::string_view bytes_of(std::span<const Integer> numbers) {
    return {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()};
}

[[noreturn]] void throw_damaged(const std::filesystem::path& file, const std::string& what) {
    throw UserError("damaged shard " + file.string() + ": " + what, kFix);
}

}  // namespace

Shard::Shard(const std::filesystem::path& file) : file_(file) {
    const Fd fd = open_file(file, O_RDONLY);
    const std::size_t bytes = std::filesystem::file_size(file);
    if (bytes < sizeof(Header)) throw_damaged(file, "truncated to " + std::to_string(bytes) + " bytes");
    void* const map = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (map == MAP_FAILED) throw_errno("cannot map " + file.string());
    map_ = {static_cast<const char*>(map), [map, bytes](const char*) { ::munmap(map, bytes); }};
    const Header header = *static_cast<const Header*>(map);
    if (header.magic != Header().magic || header.version != Header().version ||
        header.header_digest != header.digest())
        throw_damaged(file, "it does not begin like a shard of version " + std::to_string(Header().version));
    // First, or the sums below could wrap.
    if ((header.token_bytes != 2 && header.token_bytes != 4) || header.num_tokens > bytes ||
        header.num_documents > bytes)
        throw_damaged(file, "its numbers cannot be");
    const std::size_t offsets_at = sizeof header + header.padded_token_bytes();
    const std::size_t expected = offsets_at + (header.num_documents + 1) * sizeof(std::uint64_t);
    if (bytes != expected)
        throw_damaged(file, std::to_string(bytes) + " bytes instead of " + std::to_string(expected));
    tokens_ = map_.get() + sizeof header;
    offsets_ = reinterpret_cast<const std::uint64_t*>(map_.get() + offsets_at);
    const std::span offsets(offsets_, header.num_documents + 1);
    if (xxh64(bytes_of(offsets)) != header.offset_digest || offsets.front() != 0 ||
        offsets.back() != header.num_tokens ||
        std::adjacent_find(offsets.begin(), offsets.end(), std::greater_equal()) != offsets.end())
        throw_damaged(file, "the document offsets do not match their digest");
    token_bytes_ = header.token_bytes;
    num_tokens_ = static_cast<std::int64_t>(header.num_tokens);
    num_documents_ = static_cast<std::int64_t>(header.num_documents);
    fingerprint_ = header.fingerprint;
    token_digest_ = header.token_digest;
}

void Shard::copy(std::int64_t document, std::int64_t count, std::int64_t* out) const {
    const char* const first = tokens_ + offsets_[document] * token_bytes_;
    if (token_bytes_ == 2) {
        std::copy_n(reinterpret_cast<const std::uint16_t*>(first), count, out);
    } else {
        std::copy_n(reinterpret_cast<const std::uint32_t*>(first), count, out);
    }
}

void Shard::verify() const {
    Digest digest;
    for (std::int64_t i = 0; i < num_documents_; ++i)
        digest.add(std::string_view(tokens_ + offsets_[i] * token_bytes_,
                                    (offsets_[i + 1] - offsets_[i]) * token_bytes_));
    if (digest.value() != token_digest_) throw_damaged(file_, "the tokens do not match their digest");
}

ShardWriter::ShardWriter(const std::filesystem::path& file, int vocab_size)
    : path_(file),
      file_(std::fopen(file.c_str(), "we"), std::fclose),
      token_bytes_(vocab_size < 65536 ? 2 : 4) {
    if (!file_) throw_errno("cannot write " + file.string());
    write(std::string(sizeof(Header), '\0'));
}

void ShardWriter::write(std::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size())
        throw_errno("cannot write " + path_.string());
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
    const std::string_view offset_bytes = bytes_of(std::span<const std::uint64_t>(offsets_));
    Header header;
    header.token_bytes = token_bytes_;
    header.num_documents = offsets_.size() - 1;
    header.num_tokens = offsets_.back();
    header.fingerprint = fingerprint;
    header.token_digest = digest();
    header.offset_digest = xxh64(offset_bytes);
    header.header_digest = header.digest();
    write(std::string(header.padded_token_bytes() - header.num_tokens * token_bytes_, '\0'));
    write(offset_bytes);
    if (std::fseek(file_.get(), 0, SEEK_SET) != 0) throw_errno("cannot write " + path_.string());
    write({reinterpret_cast<const char*>(&header), sizeof header});
    if (std::fflush(file_.get()) != 0) throw_errno("cannot write " + path_.string());
    flush_to_disk(::fileno(file_.get()), path_.string());
}

DataMeta read_meta(const std::filesystem::path& directory, bool every_token, std::string_view evaluated) {
    const std::filesystem::path file = directory / kMetaFile;
    DataMeta meta;
    try {
        const nlohmann::json given = parse_json(read_file(file));
        // Checked here, as all of its numbers are whole ones.
        for (const auto& [key, value] : given.items())
            if (value.is_number_float()) throw std::out_of_range(key + " is no whole number");
        meta = given.get<DataMeta>();
        if (given.contains("skipped"))
            given.at("skipped").get_to(meta.skipped);  // earlier versions have none
        const nlohmann::json taken = meta;
        for (const auto& [key, value] : taken.items())
            if (given.at(key) != value) throw std::out_of_range(key + " is out of range");
    } catch (const std::system_error&) {
        throw;
    } catch (const std::exception& error) {
        throw UserError("damaged data set: " + file.string() + ": " + error.what(), kFix);
    }
    if (meta.format != DataMeta{}.format)
        throw UserError("data set of another format: " + file.string(), kFix);
    const auto check = [&](const char* name, std::int64_t tokens, bool all) {
        const Shard shard(directory / name);
        if (hex(shard.fingerprint()) != meta.fingerprint || shard.num_tokens() != tokens)
            throw UserError("not part of this data set: " + (directory / name).string(), kFix);
        if (all) shard.verify();
    };
    check(kTrainFile, meta.train_tokens, every_token);
    const auto is_here = [&](const char* name) { return evaluated.empty() || evaluated == name; };
    if (is_here(kValFile)) check(kValFile, meta.val_tokens, true);
    if (is_here(kTestFile)) check(kTestFile, meta.test_tokens, every_token || !evaluated.empty());
    if (xxh64(read_file(directory / kTokenizerFile)) != meta.tokenizer_digest)
        throw UserError("damaged tokenizer: " + (directory / kTokenizerFile).string(), kFix);
    return meta;
}

void write_meta(const DataMeta& meta, const std::filesystem::path& directory) {
    // A path may not be UTF-8.
    nlohmann::json json = meta;
    json["skipped"] = meta.skipped;
    write_file_atomically(directory / kMetaFile,
                          json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace autoresearch

#include "prepare/data/meta.h"

#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "prepare/data/files.h"
#include "prepare/data/hash.h"
#include "prepare/data/shard.h"

namespace autoresearch {
namespace {

constexpr int kFormat = 1;
constexpr const char* kMend = "delete its folder and prepare the data again";

/// Calls visit(key, member) for all that stands in meta.json.
template <class Meta, class Visit>
void for_each_field(Meta& meta, Visit&& visit) {
    visit("fingerprint", meta.fingerprint);
    visit("corpus", meta.corpus);
    visit("vocab_size", meta.vocab_size);
    visit("bos", meta.bos);
    visit("seq_len", meta.seq_len);
    visit("eval_tokens", meta.eval_tokens);
    visit("train_tokens", meta.train_tokens);
    visit("val_tokens", meta.val_tokens);
    visit("test_tokens", meta.test_tokens);
    visit("train_documents", meta.train_documents);
    visit("val_documents", meta.val_documents);
    visit("test_documents", meta.test_documents);
    visit("dropped_duplicates", meta.dropped_duplicates);
    visit("tokenizer_digest", meta.tokenizer_digest);
}

void check_shard(const std::filesystem::path& file, const DataMeta& meta, std::int64_t tokens) {
    const Shard shard(file);
    if (hex64(shard.fingerprint()) != meta.fingerprint)
        throw UserError("shard of another data set: " + file.string() + " is of " +
                            hex64(shard.fingerprint()) + ", its folder of " + meta.fingerprint,
                        kMend);
    if (shard.num_tokens() != tokens)
        throw UserError("shard and meta.json disagree: " + file.string(), kMend);
}

}  // namespace

DataMeta read_meta(const std::filesystem::path& directory) {
    const std::filesystem::path file = directory / kMetaFile;
    const auto json = nlohmann::json::parse(read_whole_file(file), nullptr, false);
    if (!json.is_object()) throw UserError("damaged data set: " + file.string() + " is not JSON", kMend);
    if (json.value("format", nlohmann::json()) != kFormat)
        throw UserError("data set of another format: " + file.string(), "prepare the data again");
    DataMeta meta;
    for_each_field(meta, [&](const char* key, auto& member) {
        try {
            json.at(key).get_to(member);
        } catch (const nlohmann::json::exception&) {
            throw UserError("damaged data set: " + file.string() + " has no valid " + key, kMend);
        }
    });
    check_shard(directory / kTrainFile, meta, meta.train_tokens);
    check_shard(directory / kValFile, meta, meta.val_tokens);
    check_shard(directory / kTestFile, meta, meta.test_tokens);
    if (xxh64(read_whole_file(directory / kTokenizerFile)) != meta.tokenizer_digest)
        throw UserError("damaged tokenizer: " + (directory / kTokenizerFile).string(), kMend);
    return meta;
}

void write_meta(const DataMeta& meta, const std::filesystem::path& directory) {
    nlohmann::ordered_json json;
    json["format"] = kFormat;
    for_each_field(meta, [&](const char* key, const auto& member) { json[key] = member; });
    // A path need not be UTF-8.
    write_whole_file(directory / kMetaFile,
                     json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace autoresearch

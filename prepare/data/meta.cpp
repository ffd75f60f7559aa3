#include "prepare/data/meta.h"

#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "prepare/data/shard.h"
#include "util/atomic_file.h"
#include "util/hash.h"
#include "util/text.h"

namespace autoresearch {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DataMeta, fingerprint, corpus, vocab_size, bos, seq_len, eval_tokens,
                                   train_tokens, val_tokens, test_tokens, train_documents, val_documents,
                                   test_documents, dropped_duplicates, tokenizer_digest)

namespace {

constexpr int kFormat = 1;
constexpr const char* kMend = "delete its folder and prepare the data again";

void check_shard(const std::filesystem::path& file, const DataMeta& meta, std::int64_t tokens) {
    const Shard shard(file);
    if (hex(shard.fingerprint()) != meta.fingerprint)
        throw UserError("shard of another data set: " + file.string() + " is of " + hex(shard.fingerprint()) +
                            ", its folder of " + meta.fingerprint,
                        kMend);
    if (shard.num_tokens() != tokens)
        throw UserError("shard and meta.json disagree: " + file.string(), kMend);
}

}  // namespace

DataMeta read_meta(const std::filesystem::path& directory) {
    const std::filesystem::path file = directory / kMetaFile;
    DataMeta meta;
    try {
        const auto json = nlohmann::json::parse(read_file(file));
        if (json.at("format") != kFormat)
            throw UserError("data set of another format: " + file.string(), "prepare the data again");
        meta = json.get<DataMeta>();
    } catch (const nlohmann::json::exception& error) {
        throw UserError("damaged data set: " + file.string() + ": " + error.what(), kMend);
    }
    check_shard(directory / kTrainFile, meta, meta.train_tokens);
    check_shard(directory / kValFile, meta, meta.val_tokens);
    check_shard(directory / kTestFile, meta, meta.test_tokens);
    if (xxh64(read_file(directory / kTokenizerFile)) != meta.tokenizer_digest)
        throw UserError("damaged tokenizer: " + (directory / kTokenizerFile).string(), kMend);
    return meta;
}

void write_meta(const DataMeta& meta, const std::filesystem::path& directory) {
    nlohmann::json json = meta;
    json["format"] = kFormat;
    // A path need not be UTF-8.
    write_file_atomically(directory / kMetaFile,
                          json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace autoresearch

#include "prepare/data/data_set.h"

#include <algorithm>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/data/digest.h"
#include "prepare/data/ordered_pipeline.h"
#include "prepare/data/packer.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

constexpr std::array<const char*, 3> kShardFiles = {kTrainFile, kValFile, kTestFile};  // by Split

struct EncodedDocument {
    std::uint64_t hash;
    Split split;
    std::vector<std::uint32_t> ids;
};

struct EncodedBatch {
    std::vector<EncodedDocument> documents;
    double share_read = 0;
};

}  // namespace

DataSetWriter::DataSetWriter(const DataRequest& request, const Tokenizer& tokenizer, const Survey& survey,
                             std::filesystem::path folder)
    : request_(request), tokenizer_(tokenizer), survey_(survey), folder_(std::move(folder)) {
    for (const char* file : kShardFiles) shards_.emplace_back(folder_ / file, tokenizer.vocab_size());
}

void DataSetWriter::encode(const Corpus& corpus, std::size_t threads,
                           const std::function<void(double share)>& progress) {
    DocumentReader reader(corpus);
    Digest digest;
    ordered_pipeline<DocumentBatch>(
        threads, [&](DocumentBatch& batch) { return read_batch(reader, batch); },
        [&](DocumentBatch& batch, std::size_t) {
            EncodedBatch result{{}, batch.share_read};
            for (const Document& document : batch.documents) {
                const std::uint64_t hash = xxh64(document.text);
                result.documents.push_back(
                    {hash, split_of(hash, document.part), tokenizer_.encode(document.text)});
            }
            return result;
        },
        [&](EncodedBatch& result) {
            for (EncodedDocument& document : result.documents) {
                digest.add(document.hash);
                sort_in(document.hash, document.split, document.ids);
            }
            progress(result.share_read);
        });
    if (digest.value() != survey_.digest)
        throw UserError("corpus " + request_.corpus + " changed while it was read",
                        "start again when it is at rest");
    for (const Split split : {Split::kVal, Split::kTest})
        for (const auto& [hash, ids] : held_out_[static_cast<std::size_t>(split)]) append(split, ids);
    meta_.val_documents = static_cast<std::int64_t>(held_out_[static_cast<std::size_t>(Split::kVal)].size());
    meta_.test_documents =
        static_cast<std::int64_t>(held_out_[static_cast<std::size_t>(Split::kTest)].size());
}

/// Held-out files are read first, so that their documents are known when the training documents come.
void DataSetWriter::sort_in(std::uint64_t hash, Split split, std::vector<std::uint32_t>& ids) {
    const auto known = [&](const auto& documents) { return documents.count(hash) > 0; };
    if (std::any_of(held_out_.begin(), held_out_.end(), known)) {
        ++meta_.dropped_duplicates;
    } else if (split == Split::kTrain) {
        ++meta_.train_documents;
        append(split, ids);
    } else {
        held_out_[static_cast<std::size_t>(split)].emplace(hash, std::move(ids));
    }
}

void DataSetWriter::append(Split split, std::span<const std::uint32_t> ids) {
    do {
        const std::size_t count = std::min(ids.size(), static_cast<std::size_t>(request_.seq_len));
        part_.assign(1, static_cast<std::uint32_t>(tokenizer_.bos()));
        part_.insert(part_.end(), ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count));
        shard(split).append(part_);
        ids = ids.subspan(count);
    } while (!ids.empty());
}

DataMeta DataSetWriter::finish(const std::function<void(double share)>& progress) {
    const std::string tokenizer_text = tokenizer_.tiktoken_text();
    write_file_atomically(folder_ / kTokenizerFile, tokenizer_text);
    meta_.tokenizer_digest = xxh64(tokenizer_text);
    const std::uint64_t print = fingerprint(meta_.tokenizer_digest);
    double share = 0;
    for (ShardWriter& writer : shards_) {
        progress(share += 0.25);
        writer.finish(print);
    }
    meta_.fingerprint = hex(print);
    meta_.corpus = request_.corpus;
    meta_.vocab_size = tokenizer_.vocab_size();
    meta_.bos = tokenizer_.bos();
    meta_.seq_len = request_.seq_len;
    meta_.eval_tokens = choose_eval_tokens();
    meta_.train_tokens = shard(Split::kTrain).num_tokens();
    meta_.val_tokens = shard(Split::kVal).num_tokens();
    meta_.test_tokens = shard(Split::kTest).num_tokens();
    write_meta(meta_, folder_);
    progress(1);
    return meta_;
}

std::uint64_t DataSetWriter::fingerprint(std::uint64_t tokenizer_digest) const {
    Digest digest;
    digest.add("autoresearch data set 1");
    digest.add(survey_.digest);
    digest.add(tokenizer_digest);
    digest.add(kSplitPattern);
    digest.add(static_cast<std::uint64_t>(request_.vocab_size));
    digest.add(static_cast<std::uint64_t>(request_.seq_len));
    digest.add(static_cast<std::uint64_t>(request_.eval_tokens));
    // These follow from the above unless another PCRE2 knows another Unicode.
    for (const ShardWriter& writer : shards_) digest.add(writer.digest());
    return digest.value();
}

std::int64_t DataSetWriter::choose_eval_tokens() const {
    const int row_tokens = request_.seq_len + 1;
    const std::int64_t rows = rows_of_one_epoch(Shard(folder_ / kValFile), row_tokens);
    for (std::size_t i = 0; i < shards_.size(); ++i)
        if (shards_[i].num_tokens() < row_tokens || rows == 0)
            throw UserError("too little text: the " + std::filesystem::path(kShardFiles[i]).stem().string() +
                                " split of corpus " + request_.corpus + " does not fill a row of " +
                                std::to_string(request_.seq_len) + " tokens",
                            "give more text, or a smaller sequence length");
    if (request_.eval_tokens == 0) return rows * request_.seq_len;
    return std::clamp<std::int64_t>(request_.eval_tokens / request_.seq_len, 1, rows) * request_.seq_len;
}

}  // namespace autoresearch

#include "prepare/data/data_set.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/data/files.h"
#include "prepare/data/hash.h"
#include "prepare/data/packer.h"
#include "prepare/data/parallel.h"

namespace autoresearch {
namespace {

constexpr std::array<const char*, 3> kShardFiles = {kTrainFile, kValFile, kTestFile};  // by Split

struct EncodedDocument {
    std::uint64_t hash = 0;
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

void DataSetWriter::encode(const std::vector<CorpusFile>& files, std::size_t threads,
                           const std::function<void(double share)>& progress) {
    DocumentReader reader(files);
    std::array<std::map<std::uint64_t, std::vector<std::uint32_t>>, 3>
        held_out;  // by Split, then in order of hash
    Digest digest;
    OrderedPipeline<DocumentBatch, EncodedBatch> pipeline;
    pipeline.read = [&](DocumentBatch& batch) { return read_batch(reader, batch); };
    pipeline.work = [&](DocumentBatch& batch, std::size_t) {
        EncodedBatch result{{}, batch.share_read};
        for (const std::string& text : batch.documents)
            result.documents.push_back({xxh64(text), tokenizer_.encode(text)});
        return result;
    };
    pipeline.consume = [&](EncodedBatch& result) {
        for (EncodedDocument& document : result.documents) {
            digest.add(document.hash);
            const Split split = split_of(document.hash);
            if (split == Split::kTrain) {
                append(split, document.ids);
            } else if (auto& documents = held_out[static_cast<std::size_t>(split)];
                       !documents.emplace(document.hash, std::move(document.ids)).second) {
                ++meta_.dropped_duplicates;
            }
        }
        progress(result.share_read);
    };
    pipeline.run(threads);
    if (digest.value() != survey_.digest)
        throw UserError("corpus " + request_.corpus + " changed while it was read",
                        "start again when it is at rest");
    for (const Split split : {Split::kVal, Split::kTest})
        for (const auto& [hash, ids] : held_out[static_cast<std::size_t>(split)]) append(split, ids);
    meta_.train_documents = survey_.documents[static_cast<std::size_t>(Split::kTrain)];
    meta_.val_documents = static_cast<std::int64_t>(held_out[static_cast<std::size_t>(Split::kVal)].size());
    meta_.test_documents = static_cast<std::int64_t>(held_out[static_cast<std::size_t>(Split::kTest)].size());
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
    write_whole_file(folder_ / kTokenizerFile, tokenizer_text);
    meta_.tokenizer_digest = xxh64(tokenizer_text);
    const std::uint64_t print = fingerprint(meta_.tokenizer_digest);
    double share = 0;
    for (ShardWriter& writer : shards_) {
        progress(share += 0.25);
        writer.finish(print);
    }
    meta_.fingerprint = hex64(print);
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

#include "prepare/data/data_set.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "autoresearch/error.h"
#include "prepare/data/corpus.h"
#include "prepare/data/files.h"
#include "prepare/data/ordered_pipeline.h"
#include "prepare/data/packer.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

enum Split : std::size_t { kTrain, kVal, kTest };
constexpr std::array<const char*, 3> kShardFiles = {kTrainFile, kValFile, kTestFile};  // by Split

/// By the hash of the text, so a document stays on its side however files are named, ordered or added, and
/// exact copies are on the same side. 1 in 20 each for validation and test; of held-out files half for each.
Split split_of(std::uint64_t document_hash, Part part) {
    if (part == Part::train) return kTrain;
    const std::uint64_t lot = document_hash % (part == Part::held_out ? 2 : 20);
    return lot == 0 ? kVal : lot == 1 ? kTest : kTrain;
}

struct Batch {
    std::vector<Document> documents;
    double share_read = 0;  // of the corpus, when this batch had been read
};

/// False at the end of the corpus.
bool read_batch(DocumentReader& reader, Batch& batch) {
    constexpr std::size_t kBytes = 1 << 20, kDocuments = 1024;
    std::size_t bytes = 0;
    for (Document document; bytes < kBytes && batch.documents.size() < kDocuments && reader.next(document);) {
        bytes += document.text.size();
        batch.documents.push_back(std::move(document));
    }
    batch.share_read = reader.share_read();
    return !batch.documents.empty();
}

struct Seen {
    std::uint64_t hash;
    Split split;
};

/// Reads the corpus once. work(text, split, result) for each document, on all threads, with a copy of `fresh`
/// for the result of each batch; take(documents, result) for each batch in order, on this one. Gives a digest
/// of the documents in order.
template <class Result, class Work, class Take>
std::uint64_t read_corpus(const Corpus& corpus, std::size_t threads, const Progress& progress,
                          const Result& fresh, Work&& work, Take&& take) {
    struct Worked {
        std::vector<Seen> documents;
        double share_read;
        Result result;
    };
    DocumentReader reader(corpus);
    Digest digest;
    ordered_pipeline<Batch>(
        threads, [&](Batch& batch) { return read_batch(reader, batch); },
        [&](Batch& batch) {
            Worked worked{{}, batch.share_read, fresh};
            for (const Document& document : batch.documents) {
                const std::uint64_t hash = xxh64(document.text);
                worked.documents.push_back({hash, split_of(hash, document.part)});
                work(document.text, worked.documents.back().split, worked.result);
            }
            return worked;
        },
        [&](Worked& worked) {
            for (const Seen& document : worked.documents) digest.add(document.hash);
            take(worked.documents, worked.result);
            progress(worked.share_read);
        });
    return digest.value();
}

std::uint64_t fingerprint_of(const DataRequest& request, const Survey& survey, const Tokenizer& tokenizer,
                             std::uint64_t tokenizer_digest, const std::vector<ShardWriter>& shards) {
    Digest digest;
    digest.add("autoresearch data set 1");
    digest.add(survey.digest);
    digest.add(tokenizer_digest);
    digest.add(tokenizer.split_pattern());
    digest.add(static_cast<std::uint64_t>(request.vocab_size));
    digest.add(static_cast<std::uint64_t>(request.seq_len));
    digest.add(static_cast<std::uint64_t>(request.eval_tokens));
    // These follow from the above unless another PCRE2 knows another Unicode.
    for (const ShardWriter& shard : shards) digest.add(shard.digest());
    return digest.value();
}

std::int64_t choose_eval_tokens(const DataRequest& request, const Shard& validation,
                                const std::vector<ShardWriter>& shards) {
    const std::int64_t rows = rows_of_one_epoch(validation, request.seq_len + 1);
    for (std::size_t i = 0; i < shards.size(); ++i)
        if (shards[i].num_tokens() <= request.seq_len || rows == 0)
            throw UserError("too little text: the " + std::filesystem::path(kShardFiles[i]).stem().string() +
                                " split of corpus " + request.corpus + " does not fill a row of " +
                                std::to_string(request.seq_len) + " tokens",
                            "give more text, or a smaller sequence length");
    if (request.eval_tokens == 0) return rows * request.seq_len;
    return std::clamp<std::int64_t>(request.eval_tokens / request.seq_len, 1, rows) * request.seq_len;
}

}  // namespace

Survey survey_corpus(const Corpus& corpus, const std::string& split_pattern, std::size_t threads,
                     const Progress& progress) {
    struct Counting {
        Splitter splitter;
        PieceCounts pieces;
    };
    Survey survey;
    survey.digest = read_corpus(
        corpus, threads, progress, Counting{Splitter(split_pattern), {}},
        [](const std::string& text, Split split, Counting& counting) {
            if (split == kTrain) count_pieces(counting.splitter, text, counting.pieces);
        },
        [&](const std::vector<Seen>& documents, const Counting& counting) {
            for (const Seen& document : documents) ++survey.documents[document.split];
            add_counts(counting.pieces, survey.pieces);
        });
    return survey;
}

DataMeta write_data_set(const DataRequest& request, const Corpus& corpus, const Tokenizer& tokenizer,
                        const Survey& survey, const std::filesystem::path& folder, std::size_t threads,
                        const Progress& encoding, const Progress& writing) {
    using Ids = std::vector<std::uint32_t>;
    DataMeta meta;
    std::vector<ShardWriter> shards;
    shards.reserve(kShardFiles.size());
    for (const char* file : kShardFiles) shards.emplace_back(folder / file, tokenizer.vocab_size());
    std::vector<std::uint32_t> part;
    const auto append = [&](Split split, std::span<const std::uint32_t> ids) {
        do {
            const std::span head = ids.first(std::min(ids.size(), static_cast<std::size_t>(request.seq_len)));
            part.assign(1, static_cast<std::uint32_t>(tokenizer.bos()));
            part.insert(part.end(), head.begin(), head.end());
            shards[split].append(part);
            ids = ids.subspan(head.size());
        } while (!ids.empty());
    };
    // Held-out files are read first, so that their documents are known when the training documents come.
    std::array<std::map<std::uint64_t, Ids>, 3> held_out;  // by Split, then by hash
    const auto sort_in = [&](const Seen& document, Ids& ids) {
        if (held_out[kVal].count(document.hash) + held_out[kTest].count(document.hash) > 0) {
            ++meta.dropped_duplicates;
        } else if (document.split == kTrain) {
            ++meta.train_documents;
            append(kTrain, ids);
        } else {
            held_out[document.split].emplace(document.hash, std::move(ids));
        }
    };
    const std::uint64_t digest = read_corpus(
        corpus, threads, encoding, std::vector<Ids>(),
        [&](const std::string& text, Split, std::vector<Ids>& ids) { ids.push_back(tokenizer.encode(text)); },
        [&](const std::vector<Seen>& documents, std::vector<Ids>& ids) {
            for (std::size_t i = 0; i < documents.size(); ++i) sort_in(documents[i], ids[i]);
        });
    if (digest != survey.digest)
        throw UserError("corpus " + request.corpus + " changed while it was read",
                        "start again when it is at rest");
    for (const Split split : {kVal, kTest})
        for (const auto& [hash, ids] : held_out[split]) append(split, ids);

    const std::string tokenizer_text = tokenizer.tiktoken_text();
    write_file_atomically(folder / kTokenizerFile, tokenizer_text);
    meta.tokenizer_digest = xxh64(tokenizer_text);
    const std::uint64_t fingerprint =
        fingerprint_of(request, survey, tokenizer, meta.tokenizer_digest, shards);
    double share = 0;
    for (ShardWriter& shard : shards) {
        writing(share += 0.25);
        shard.finish(fingerprint);
    }
    meta.fingerprint = hex(fingerprint);
    meta.corpus = request.corpus;
    meta.vocab_size = tokenizer.vocab_size();
    meta.bos = tokenizer.bos();
    meta.split_pattern = tokenizer.split_pattern();
    meta.seq_len = request.seq_len;
    meta.eval_tokens = choose_eval_tokens(request, Shard(folder / kValFile), shards);
    meta.val_documents = static_cast<std::int64_t>(held_out[kVal].size());
    meta.test_documents = static_cast<std::int64_t>(held_out[kTest].size());
    meta.train_tokens = shards[kTrain].num_tokens();
    meta.val_tokens = shards[kVal].num_tokens();
    meta.test_tokens = shards[kTest].num_tokens();
    write_meta(meta, folder);
    writing(1);
    return meta;
}

}  // namespace autoresearch

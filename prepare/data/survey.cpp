#include "prepare/data/survey.h"

#include <utility>

#include "prepare/data/hash.h"
#include "prepare/data/parallel.h"
#include "prepare/data/tokenizer.h"

namespace autoresearch {
namespace {

constexpr std::size_t kBatchBytes = 1 << 20, kBatchDocuments = 1024;
constexpr std::uint64_t kOneIn = 20;

}  // namespace

Split split_of(std::uint64_t document_hash) {
    const std::uint64_t lot = document_hash % kOneIn;
    if (lot == 0) return Split::kVal;
    return lot == 1 ? Split::kTest : Split::kTrain;
}

bool read_batch(DocumentReader& reader, DocumentBatch& batch) {
    std::size_t bytes = 0;
    std::string document;
    while (bytes < kBatchBytes && batch.documents.size() < kBatchDocuments && reader.next(document)) {
        bytes += document.size();
        batch.documents.push_back(std::move(document));
    }
    batch.share_read = reader.share_read();
    return !batch.documents.empty();
}

Survey survey_corpus(const std::vector<CorpusFile>& files, std::size_t threads,
                     const std::function<void(double share)>& progress) {
    struct Hashes {
        std::vector<std::uint64_t> hashes;
        double share_read = 0;
    };
    DocumentReader reader(files);
    const Splitter splitter(kSplitPattern);
    std::vector<PieceCounter> counters(threads, PieceCounter(splitter));
    Digest digest;
    Survey survey{.pieces = PieceCounter(splitter)};
    OrderedPipeline<DocumentBatch, Hashes> pipeline;
    pipeline.read = [&](DocumentBatch& batch) { return read_batch(reader, batch); };
    pipeline.work = [&](DocumentBatch& batch, std::size_t thread) {
        Hashes result{{}, batch.share_read};
        for (const std::string& document : batch.documents) {
            result.hashes.push_back(xxh64(document));
            if (split_of(result.hashes.back()) == Split::kTrain) counters[thread].count(document);
        }
        return result;
    };
    pipeline.consume = [&](Hashes& result) {
        for (const std::uint64_t hash : result.hashes) {
            digest.add(hash);
            ++survey.documents[static_cast<std::size_t>(split_of(hash))];
        }
        progress(result.share_read);
    };
    pipeline.run(threads);
    for (const PieceCounter& counter : counters) survey.pieces.add(counter);
    survey.digest = digest.value();
    return survey;
}

}  // namespace autoresearch

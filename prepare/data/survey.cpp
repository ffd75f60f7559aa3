#include "prepare/data/survey.h"

#include <utility>

#include "prepare/data/digest.h"
#include "prepare/data/ordered_pipeline.h"
#include "prepare/data/tokenizer.h"

namespace autoresearch {
namespace {

constexpr std::size_t kBatchBytes = 1 << 20, kBatchDocuments = 1024;
constexpr std::uint64_t kOneIn = 20;

}  // namespace

Split split_of(std::uint64_t document_hash, Part part) {
    if (part == Part::train) return Split::kTrain;
    const std::uint64_t lot = document_hash % (part == Part::held_out ? 2 : kOneIn);
    if (lot == 0) return Split::kVal;
    return lot == 1 ? Split::kTest : Split::kTrain;
}

bool read_batch(DocumentReader& reader, DocumentBatch& batch) {
    std::size_t bytes = 0;
    Document document;
    while (bytes < kBatchBytes && batch.documents.size() < kBatchDocuments && reader.next(document)) {
        bytes += document.text.size();
        batch.documents.push_back(std::move(document));
    }
    batch.share_read = reader.share_read();
    return !batch.documents.empty();
}

Survey survey_corpus(const Corpus& corpus, std::size_t threads,
                     const std::function<void(double share)>& progress) {
    struct Result {
        std::vector<std::pair<std::uint64_t, Split>> documents;
        double share_read = 0;
    };
    DocumentReader reader(corpus);
    const Splitter splitter(kSplitPattern);
    std::vector<PieceCounter> counters(threads, PieceCounter(splitter));
    Digest digest;
    Survey survey{.pieces = PieceCounter(splitter)};
    ordered_pipeline<DocumentBatch>(
        threads, [&](DocumentBatch& batch) { return read_batch(reader, batch); },
        [&](DocumentBatch& batch, std::size_t seat) {
            Result result{{}, batch.share_read};
            for (const Document& document : batch.documents) {
                const std::uint64_t hash = xxh64(document.text);
                const Split split = split_of(hash, document.part);
                if (split == Split::kTrain) counters[seat].count(document.text);
                result.documents.emplace_back(hash, split);
            }
            return result;
        },
        [&](Result& result) {
            for (const auto& [hash, split] : result.documents) {
                digest.add(hash);
                ++survey.documents[static_cast<std::size_t>(split)];
            }
            progress(result.share_read);
        });
    for (const PieceCounter& counter : counters) survey.pieces.add(counter);
    survey.digest = digest.value();
    return survey;
}

}  // namespace autoresearch

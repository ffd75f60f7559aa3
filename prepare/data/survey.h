#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "prepare/data/bpe.h"
#include "prepare/data/documents.h"

namespace autoresearch {

enum class Split { kTrain = 0, kVal = 1, kTest = 2 };

/// By the xxh64 of the text, so a document stays on its side however files are named, ordered or added, and
/// exact copies are on the same side. 1 in 20 each for validation and test; of held-out files half for each.
Split split_of(std::uint64_t document_hash, Part part);

struct DocumentBatch {
    std::vector<Document> documents;
    double share_read = 0;  // of the corpus, when this batch had been read
};

/// False at the end of the corpus.
bool read_batch(DocumentReader& reader, DocumentBatch& batch);

/// What the first reading of a corpus tells.
struct Survey {
    std::uint64_t digest = 0;                    // of the documents' hashes in order, and their parts
    std::array<std::int64_t, 3> documents = {};  // by Split
    PieceCounter pieces;                         // of the training split
};

Survey survey_corpus(const Corpus& corpus, std::size_t threads,
                     const std::function<void(double share)>& progress);

}  // namespace autoresearch

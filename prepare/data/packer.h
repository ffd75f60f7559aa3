#pragma once

#include <cstdint>
#include <future>
#include <set>
#include <vector>

#include "prepare/data/files.h"

namespace autoresearch {

/// Packs documents into rows: every row starts with BOS and is filled with the largest document in the buffer
/// that still fits (best fit); when none fits, the shortest is cropped to fill the rest. Of equally long
/// documents, the one that entered the buffer first is taken. No padding. Deterministic from the seed:
/// documents enter the buffer in an order reshuffled each epoch; seed 0 keeps the shard's order (evaluation).
/// The buffer is emptied before the next epoch's documents enter, so an epoch sees every document exactly
/// once. Method: karpathy/autoresearch, prepare.py (BOS-aligned best-fit packing).
class Packer {
  public:
    /// The shard must outlive the packer. Throws UserError when it holds no documents.
    Packer(const Shard& shard, int row_tokens, std::uint64_t seed, std::size_t buffer_documents = 1000);
    /// Fills `rows` x row_tokens ids, row-major.
    void next(int rows, std::int64_t* out);
    std::int64_t epoch() const { return epoch_; }  // of the document placed last; 1: seen for the first time

  private:
    /// Ordered as documents are chosen: by length, then by arrival.
    struct Waiting {
        std::int64_t length, arrival, document;
        auto operator<=>(const Waiting&) const = default;
    };
    void refill();
    Waiting take(std::int64_t room);

    const Shard& shard_;
    const std::int64_t row_tokens_;
    const std::uint64_t seed_;
    const std::size_t buffer_documents_;
    std::vector<std::int64_t> order_;  // of this epoch
    std::size_t entered_;              // how many of order_ have entered the buffer
    std::int64_t epoch_ = 0, arrivals_ = 0;
    std::set<Waiting> buffer_;
};

/// Packs one batch ahead on another thread, so that the training step never waits. Same rows as a Packer with
/// the same seed.
class Prefetcher {
  public:
    Prefetcher(const Shard& shard, int rows, int row_tokens, std::uint64_t seed);
    /// rows x row_tokens ids, row-major; valid until the next call.
    const std::vector<std::int64_t>& next();
    std::int64_t epoch() const { return epoch_; }  // of the last batch returned

  private:
    void pack();

    Packer packer_;
    const int rows_;
    std::vector<std::int64_t> current_, ahead_;  // ids
    std::int64_t epoch_ = 1;
    std::future<void> packing_;  // of ahead_; declared last: its destructor waits for the thread
};

/// Number of rows that a Packer with seed 0 fills before its second epoch begins.
std::int64_t rows_of_one_epoch(const Shard& shard, int row_tokens);

}  // namespace autoresearch

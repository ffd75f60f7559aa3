#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "prepare/data/shard.h"

namespace autoresearch {

/// Packs documents into rows: every row starts with BOS, is filled by the largest document of the buffer that
/// still fits (best fit), and where none fits the shortest is cropped to fill the rest. Of equally long
/// documents the one that entered the buffer first is taken. No padding. Deterministic from the seed:
/// documents enter the buffer in an order shuffled anew each epoch; seed 0 keeps the shard's order
/// (evaluation). The buffer is used up before the next epoch's documents enter, so an epoch sees every
/// document exactly once. Method: karpathy/autoresearch, prepare.py (BOS-aligned best-fit packing).
class Packer {
  public:
    /// Requires a shard with documents in it, which must live as long as the packer.
    Packer(const Shard& shard, int row_tokens, std::uint64_t seed, int buffer_documents = 1000);
    ~Packer();
    /// Fills `rows` x row_tokens ids, row-major.
    void next(int rows, std::int64_t* out);
    std::int64_t epoch() const;  // of the document placed last; 1 while documents are seen for the first time

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Packs ahead on its own thread, so that the training step never waits. Same rows as a Packer with the same
/// seed.
class Prefetcher {
  public:
    Prefetcher(const Shard& shard, int rows, int row_tokens, std::uint64_t seed, int batches_ahead = 4);
    ~Prefetcher();
    /// rows x row_tokens ids, row-major; valid until the next call.
    const std::vector<std::int64_t>& next();
    std::int64_t epoch() const;  // of the batch handed out last

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Rows that a Packer with seed 0 fills from the shard's documents alone, before it begins anew.
std::int64_t rows_of_one_epoch(const Shard& shard, int row_tokens);

}  // namespace autoresearch

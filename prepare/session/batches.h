#pragma once

#include <filesystem>
#include <functional>

#include "autoresearch/session.h"

namespace autoresearch {

/// Batches of `rows` rows of packed documents, each of `columns` ids: inputs (rows, columns - 1), and targets
/// one later. In an order that the seed gives, without an end.
std::function<Batch()> batches(const std::filesystem::path& shard, int rows, int columns, std::uint64_t seed,
                               at::Device device);

}  // namespace autoresearch

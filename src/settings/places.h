#pragma once

#include <filesystem>

namespace autoresearch {

/// $XDG_CACHE_HOME/autoresearch, else ~/.cache/autoresearch.
std::filesystem::path cache_root();
/// $AUTORESEARCH_DATA, else data/ in the cache: one folder per prepared data set.
std::filesystem::path data_root();

}  // namespace autoresearch

#pragma once

#include <string>
#include <vector>

namespace autoresearch {

/// The candidate with the smallest edit distance to `word`; empty when there is none.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace autoresearch

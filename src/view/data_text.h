#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "prepare/corpus/prepare.h"

namespace autoresearch {

/// What a person should know before trusting results on this data set.
std::vector<std::string> data_warnings(const PreparedData& data);

/// What `prepare` prints: as lines, and as JSON.
std::string data_text(const PreparedData& data);
nlohmann::json data_json(const PreparedData& data);

}  // namespace autoresearch

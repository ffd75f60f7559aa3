#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "prepare/data/corpus.h"
#include "prepare/data/prepare.h"

namespace autoresearch {

/// Which data set answers a request, and what the corpus' files looked like when it was made. One small file
/// for each request below the data root, newest answer only.
struct RequestRecord {
    std::string fingerprint;
    std::vector<CorpusFile> files;
};

/// Nothing when there is no record, or a damaged one: the data is prepared anew then.
std::optional<RequestRecord> read_request_record(const DataRequest& request,
                                                 const std::filesystem::path& data_root);
void write_request_record(const DataRequest& request, const RequestRecord& record,
                          const std::filesystem::path& data_root);

}  // namespace autoresearch

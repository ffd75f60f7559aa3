#include "prepare/data/request_index.h"

#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "prepare/data/files.h"
#include "prepare/data/hash.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFormat = 1;
constexpr const char* kFolder = ".requests";

// Paths are stored as arrays of bytes where they are not UTF-8, hence `binary` formats: a path need not be
// text.
json describe(const DataRequest& request) {
    const std::string key = corpus_key(request.corpus);
    return {kFormat, std::vector<std::uint8_t>(key.begin(), key.end()), request.vocab_size, request.seq_len,
            request.eval_tokens};
}

fs::path record_file(const DataRequest& request, const fs::path& data_root) {
    return data_root / kFolder / (hex64(xxh64(describe(request).dump())) + ".json");
}

}  // namespace

std::optional<RequestRecord> read_request_record(const DataRequest& request, const fs::path& data_root) {
    const fs::path file = record_file(request, data_root);
    std::error_code error;
    if (!fs::exists(file, error)) return std::nullopt;
    try {
        const json stored = json::parse(read_whole_file(file));
        if (stored.at("request") != describe(request)) return std::nullopt;
        RequestRecord record;
        record.fingerprint = stored.at("fingerprint").get<std::string>();
        for (const json& entry : stored.at("files"))
            record.files.push_back({entry.at(0).get<std::string>(), entry.at(1).get<std::int64_t>(),
                                    entry.at(2).get<std::int64_t>()});
        return record;
    } catch (const json::exception&) {
        return std::nullopt;  // damaged: as if there were none
    }
}

void write_request_record(const DataRequest& request, const RequestRecord& record,
                          const fs::path& data_root) {
    json files = json::array();
    for (const CorpusFile& file : record.files)
        files.push_back({file.path.string(), file.bytes, file.modified});
    const json stored = {
        {"request", describe(request)}, {"fingerprint", record.fingerprint}, {"files", files}};
    const fs::path path = record_file(request, data_root);
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) throw_file_error("cannot make folder", path.parent_path(), error.value());
    // A path that is not UTF-8 does not survive; such a corpus is then simply prepared anew each time.
    write_whole_file(path, stored.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace autoresearch

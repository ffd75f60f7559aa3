#include "view/data_text.h"

#include <spdlog/fmt/fmt.h>

#include <nlohmann/json.hpp>

#include "util/text.h"

namespace autoresearch {

/// "skipped: 3 not json, 12 other files"
static std::string skipped_text(const DataMeta& meta) {
    std::string text;
    for (const auto& [why, count] : meta.skipped)
        text += fmt::format("{} {} {}", text.empty() ? "  skipped:" : ",", count, replace_all(why, "_", " "));
    return text.empty() ? "" : text + "; docs/data.md says what is read\n";
}

std::vector<std::string> data_warnings(const PreparedData& data) {
    constexpr std::int64_t kEnough = 20;  // documents; the noise of their choice is then a few per cent
    std::vector<std::string> texts = data.notes;
    if (const std::int64_t few = data.meta.val_documents; few < kEnough)
        texts.push_back(
            fmt::format("only {} documents in validation, so val_bpb depends on which: {} need about {} "
                        "times as much text, or "
                        "shorter documents (--separator)",
                        few, kEnough, (kEnough + few - 1) / few));
    return texts;
}

nlohmann::json data_json(const PreparedData& data) {
    auto json = nlohmann::json::parse(read_file(data.directory / kMetaFile));
    json["directory"] = data.directory.string();
    json["was_ready"] = data.was_ready;
    json["replaced"] = data.replaced;
    json["seconds"] = data.seconds;
    json["warnings"] = data_warnings(data);
    return json;
}

std::string data_text(const PreparedData& data) {
    const DataMeta& meta = data.meta;
    const auto millions = [](std::int64_t tokens) { return static_cast<double>(tokens) / 1e6; };
    std::string text =
        fmt::format("data set {} {} in {:.1f} s: corpus {}, vocabulary {}, {} tokens of context\n",
                    meta.fingerprint, data.was_ready ? "was ready, checked" : "prepared", data.seconds,
                    meta.corpus, meta.vocab_size, meta.seq_len);
    if (!data.replaced.empty()) text += fmt::format("  it replaces a damaged one: {}\n", data.replaced);
    text += fmt::format(
        "  train {} documents, {:.2f} M tokens; val {}, {:.2f} M; test {}, {:.2f} M; {} "
        "duplicates dropped\n  one evaluation reads {:.2f} M tokens; everything is in {}\n",
        meta.train_documents, millions(meta.train_tokens), meta.val_documents, millions(meta.val_tokens),
        meta.test_documents, millions(meta.test_tokens), meta.dropped_duplicates, millions(meta.eval_tokens),
        data.directory.string());
    return text + skipped_text(meta);
}

}  // namespace autoresearch

#include "record/summary.h"

#include "contract/run_files.h"
#include "util/atomic_file.h"
#include "util/hash.h"
#include "util/text.h"

namespace autoresearch {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {

constexpr int kFormat = 2;                      // changes when rows or facts do
constexpr std::size_t kLongestLine = 64 << 10;  // of the ledger, as far as its hash goes

std::string hash(std::string_view text) {
    return hex(xxh64(text));
}

/// What a summary says of the files that it belongs to: any other ledger, or other rows, say something else.
ordered_json marks(const fs::path& run_directory, std::string_view rows) {
    const fs::path ledger = run_files::ledger(run_directory);
    return {{"autoresearch_summary", kFormat},
            {"ledger_bytes", file_length(ledger)},
            {"last_line", hash(last_line(file_tail(ledger, kLongestLine)))},
            {"table_bytes", rows.size()},
            {"table", hash(rows)}};
}

}  // namespace

Summary summarize(const std::vector<Experiment>& experiments, const SummaryRules& rules) {
    Summary summary;
    for (const Experiment& experiment : experiments) summary.rows += rules.row(experiment) + "\n";
    summary.facts = rules.facts(experiments);
    return summary;
}

std::optional<Summary> read_summary(const fs::path& run_directory) {
    // First the summary: rows are only ever added, and those that it does not know may be there already.
    const auto text = try_read_file(run_files::summary(run_directory));
    auto rows = try_read_file(run_files::table(run_directory));
    if (!text || !rows) return std::nullopt;
    try {
        const auto saved = ordered_json::parse(*text);
        const ordered_json& of = saved.at("of");
        rows->resize(std::min(rows->size(), of.at("table_bytes").get<std::size_t>()));
        if (of == marks(run_directory, *rows)) return Summary{*std::move(rows), saved.at("facts")};
    } catch (const ordered_json::exception&) {  // NOLINT(bugprone-empty-catch): damaged is as good as missing
    }
    return std::nullopt;
}

void SummaryWriter::renew(const std::vector<Experiment>& experiments) {
    const std::size_t known = rows_.size();
    for (; count_ < experiments.size(); ++count_) rows_ += rules_.row(experiments[count_]) + "\n";
    extend_file(run_files::table(run_directory_), rows_, known);
    const ordered_json summary = {{"of", marks(run_directory_, rows_)}, {"facts", rules_.facts(experiments)}};
    write_file_atomically(run_files::summary(run_directory_), summary.dump(2) + "\n");
}

}  // namespace autoresearch

// ledger.jsonl, of this version and of the first, and what is shown of it.

#include <nlohmann/json.hpp>

#include "contract/experiment_json.h"
#include "fuzz.h"
#include "record/file_ledger.h"
#include "view/result_table.h"
#include "view/sentences.h"

namespace autoresearch {

static std::string all_of(const std::vector<Experiment>& experiments) {
    std::string text;
    for (const Experiment& experiment : experiments) text += dump_line(to_json(experiment)) + "\n";
    return text;
}

void read_foreign(const std::string& bytes) {
    scratch().write("ledger.jsonl", bytes);
    std::vector<Experiment> experiments;
    if (!is_read([&] { experiments = read_ledger(scratch().path()); })) return;
    const std::string all = all_of(experiments);
    for (const Experiment& experiment : experiments) experiment_line(experiment, false);
    result_sums(experiments);
    for (const Experiment& experiment : experiments) verdict_sentence(experiment.verdict);
    FileLedger(scratch().path());
    must(all_of(read_ledger(scratch().path())) == all, "what was opened reads the same");
    scratch().write("ledger.jsonl", "{\"autoresearch_ledger\":2}\n" + all);
    must(all_of(read_ledger(scratch().path())) == all, "what is written reads back");
}

}  // namespace autoresearch

// proposal.json and trials.jsonl of an experiment that is not finished.

#include <nlohmann/json.hpp>

#include "contract/experiment_json.h"
#include "fuzz.h"
#include "record/file_ledger.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    static FileLedger ledger(scratch().path());
    const auto texts = parts(bytes, 2);
    scratch().write("proposals/0001/proposal.json", texts[0]);
    scratch().write("experiments/0000/trials.jsonl", texts[1]);
    is_read([] {
        const Proposal proposal = ledger.saved_proposal().value();
        const std::string text = dump_line(to_json(proposal));
        must(dump_line(to_json(proposal_from_json(nlohmann::json::parse(text)))) == text,
             "a proposal reads back");
    });
    is_read([] { ledger.saved_trials(0, TrialSpec()); });
}

}  // namespace autoresearch

// run.json, and the final number beside it.

#include "record/run_info.h"

#include <nlohmann/json.hpp>

#include "fuzz.h"
#include "view/run_view.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    const auto texts = parts(bytes, 2);
    const auto file = scratch().write(".autoresearch/tag/run.json", texts[0]);
    scratch().write(".autoresearch/tag/final.json", texts[1]);
    RunView view;
    if (!is_read([&] { view.run = require_run(scratch().path(), "tag"); })) return;
    std::vector<Experiment> experiments(1);
    experiments[0].verdict.decision = Decision::keep;
    view.summary = summarize(experiments, summary_rules([](const auto&) { return Noise(); }));
    run_text(view, false);
    opening_line(view.run, true);
    const std::string shown = run_json(view, experiments).dump();
    save_run(view.run);
    view.run = require_run(scratch().path(), "tag");
    must(run_json(view, experiments).dump() == shown, "what is written reads back");
}

}  // namespace autoresearch

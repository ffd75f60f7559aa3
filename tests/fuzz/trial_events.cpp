// What a trainer writes: its events, its log and its curve.

#include "trial/trial_events.h"

#include <nlohmann/json.hpp>

#include "contract/experiment_json.h"
#include "fuzz.h"
#include "util/text.h"

namespace autoresearch {

struct SilentReporter final : Reporter {
    void phase(int, const std::string&) override {}
    void progress(const Progress& now) override {
        must(now.share >= 0 && now.share <= 1 && now.step >= 0, "a share, a step");
    }
    void finished(const Experiment&) override {}
    void note(const std::string&) override {}
};

void read_foreign(const std::string& bytes) {
    const auto texts = parts(bytes, 3);
    TrialRequest request;
    request.directory = scratch().path();
    request.spec.stop = {{0.3, 3}, {0.5, 2}};
    scratch().write("curve-0.csv", texts[1]);
    SilentReporter reporter;
    TrialEvents events(request, reporter);
    for (const std::string_view line : split_lines(texts[0])) events.line(line);
    for (const int exit_code : {0, 1}) {
        ProcessResult process;
        process.exit_code = exit_code;
        const Trial trial = events.ending(process, texts[2]);
        const std::string line = dump_line(to_json(trial));
        must(trial.reason == clean_line(trial.reason), "a reason is a clean line");
        must(dump_line(to_json(trial_from_json(nlohmann::json::parse(line)))) == line, "a trial reads back");
    }
}

}  // namespace autoresearch

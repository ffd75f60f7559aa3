#include "contract/experiment.h"

#include <algorithm>
#include <stdexcept>

namespace autoresearch {

std::string_view to_string(Decision decision) {
    switch (decision) {
        case Decision::keep:
            return "keep";
        case Decision::discard:
            return "discard";
        case Decision::crash:
            return "crash";
    }
    throw std::invalid_argument("not a decision");
}

Decision decision_from_string(std::string_view name) {
    for (const auto decision : {Decision::keep, Decision::discard, Decision::crash}) {
        if (to_string(decision) == name) return decision;
    }
    throw std::invalid_argument("unknown decision: " + std::string(name));
}

void add_cost(AgentReport& report, const AgentReport& more) {
    report.calls += more.calls;
    report.seconds += more.seconds;
    report.usd += more.usd;
    report.usd_is_estimate = report.usd_is_estimate || more.usd_is_estimate;
    report.tokens += more.tokens;
}

double Experiment::val_bpb() const {
    double sum = 0;
    int count = 0;
    for (const auto& trial : trials) {
        if (!trial.counts()) continue;
        sum += trial.val_bpb;
        ++count;
    }
    return count == 0 ? 0 : sum / count;
}

double Experiment::peak_memory_mb() const {
    double peak = 0;
    for (const auto& trial : trials) peak = std::max(peak, trial.peak_memory_mb);
    return peak;
}

const Experiment* incumbent_of(const std::vector<Experiment>& experiments) {
    const auto kept = std::find_if(
        experiments.rbegin(), experiments.rend(),
        [](const Experiment& experiment) { return experiment.verdict.decision == Decision::keep; });
    return kept == experiments.rend() ? nullptr : &*kept;
}

}  // namespace autoresearch

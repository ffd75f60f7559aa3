#include "contract/experiment.h"

#include <algorithm>

namespace autoresearch {

double TrialNumber::value(const Trial& trial) const {
    return std::visit([&](auto of) { return static_cast<double>(trial.*of); }, member);
}

void TrialNumber::set(Trial& trial, double value) const {
    constexpr double kMost = 1e15;  // beyond this, the cast would be undefined for some types
    if (const auto* whole = std::get_if<std::int64_t Trial::*>(&member)) {
        trial.*(*whole) = static_cast<std::int64_t>(std::clamp(value, 0.0, kMost));
    } else {
        trial.*std::get<double Trial::*>(member) = value;
    }
}

void add_cost(AgentReport& report, const AgentReport& more) {
    report.calls += more.calls;
    report.seconds += more.seconds;
    report.usd += more.usd;
    report.usd_is_estimate = report.usd_is_estimate || more.usd_is_estimate;
    report.tokens += more.tokens;
}

double best_rate(const std::vector<Trial>& trials) {
    double best = 0;
    for (const Trial& trial : trials)
        if (trial.counts()) best = std::max(best, trial.steps_per_second());
    return best;
}

Trial failed_trial(Failure failure) {
    Trial trial;
    trial.ending = failure.ending;
    trial.reason = std::move(failure.reason);
    return trial;
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

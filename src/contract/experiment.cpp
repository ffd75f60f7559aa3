#include "contract/experiment.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace autoresearch {

namespace {

// In the order of the enums. The names stand in ledgers: never rename one.
constexpr std::array<std::string_view, 12> kEndings = {
    "ok",         "no_proposal",   "refused", "build_failed", "crashed",     "timed_out",
    "not_finite", "out_of_memory", "invalid", "no_result",    "ended_early", "interrupted"};
static_assert(kEndings.size() == static_cast<std::size_t>(Ending::interrupted) + 1);
constexpr std::array<std::string_view, 3> kDecisions = {"keep", "discard", "crash"};

template <class Enum>
Enum find_name(const auto& names, std::string_view name, const std::string& what) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw std::invalid_argument("unknown " + what + ": " + std::string(name));
    return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view to_string(Ending ending) {
    return kEndings.at(static_cast<std::size_t>(ending));
}

Ending ending_from_string(std::string_view name) {
    return find_name<Ending>(kEndings, name, "ending");
}

std::string_view to_string(Decision decision) {
    return kDecisions.at(static_cast<std::size_t>(decision));
}

Decision decision_from_string(std::string_view name) {
    return find_name<Decision>(kDecisions, name, "decision");
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

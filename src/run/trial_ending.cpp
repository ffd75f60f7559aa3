#include "run/trial_ending.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>

#include "util/text.h"

namespace autoresearch {
namespace {

bool tells_of_memory(std::string_view log) {
    std::string lower(log);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    constexpr std::array<std::string_view, 4> kWords = {"out of memory", "std::bad_alloc",
                                                        "can't allocate memory", "cannot allocate memory"};
    return std::any_of(kWords.begin(), kWords.end(),
                       [&](std::string_view words) { return lower.find(words) != std::string::npos; });
}

std::string phase_reason(TrialPhase phase, const TrialLimits& limits, double budget) {
    std::ostringstream reason;
    switch (phase) {
        case TrialPhase::starting:
            reason << "no first step within " << limits.startup << " s";
            break;
        case TrialPhase::training:
            reason << "still training " << limits.grace << " s after its budget of " << budget << " s";
            break;
        case TrialPhase::evaluating:
            reason << "the evaluation took longer than " << limits.evaluation << " s";
            break;
        case TrialPhase::exiting:
            reason << "did not end within " << limits.exit << " s of its result";
            break;
    }
    return reason.str();
}

Failure died(const ProcessResult& process, const std::string& log_tail) {
    const std::string last = last_meaningful_line(log_tail);
    if (process.signal == SIGKILL) {
        return {Ending::out_of_memory, "killed by the system, most likely for want of memory"};
    }
    if (tells_of_memory(log_tail)) return {Ending::out_of_memory, last};
    const std::string what =
        process.signal != 0 ? signal_name(process.signal) : "exit code " + std::to_string(process.exit_code);
    return {Ending::crashed, last.empty() ? what : what + ": " + last};
}

Failure failure_of(const ProcessResult& process, const TrialEvents& events, const TrialLimits& limits,
                   double budget, const std::string& log_tail) {
    if (!process.start_error.empty()) return {Ending::crashed, process.start_error};
    if (process.interrupted) return {Ending::interrupted, "stopped while training"};
    if (events.invalid()) return *events.invalid();
    if (process.timed_out) return {Ending::timed_out, phase_reason(events.phase(), limits, budget)};
    if (process.exit_code != 0) return died(process, log_tail);
    return {Ending::no_result, "ended without a result"};
}

}  // namespace

Trial trial_ending(const ProcessResult& process, const TrialEvents& events, const TrialLimits& limits,
                   double budget, const std::string& log_tail) {
    Trial trial;
    if (process.succeeded() && !events.invalid()) {
        if (const auto result = events.result(budget)) {
            if (result->ok()) {
                trial = result->value();
                trial.ending = Ending::ok;
            } else {
                trial.ending = result->failure().ending;
                trial.reason = result->failure().reason;
            }
            return trial;
        }
    }
    Failure failure = failure_of(process, events, limits, budget, log_tail);
    trial.ending = failure.ending;
    trial.reason = std::move(failure.reason);
    return trial;
}

std::string last_meaningful_line(std::string_view log) {
    constexpr std::string_view kWhat = "what():";
    std::string_view best;
    for (std::string_view line : split_lines(log)) {
        // A progress line is rewritten in place: only its last state counts.
        line = trim(line);
        line = trim(line.substr(line.rfind('\r') == std::string_view::npos ? 0 : line.rfind('\r') + 1));
        if (line.starts_with(kWhat)) return clean_line(line.substr(kWhat.size()));
        const bool noise =
            line.empty() || line.starts_with("frame #") || line.starts_with("Exception raised from") ||
            line.starts_with("terminate called") || line.starts_with('#') || line.starts_with("hint:");
        if (!noise) best = line;
    }
    return clean_line(best);
}

}  // namespace autoresearch

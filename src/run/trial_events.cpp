#include "run/trial_events.h"

#include <signal.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "autoresearch/events.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::json;

constexpr double kShareOfBudget = 0.9;   // less training than this is no full run
constexpr double kClockTolerance = 0.1;  // between the trainer's clock and ours, as a share of ours
constexpr double kArrivalSlack = 0.3;    // seconds that our reading of the events may be late
constexpr double kClockSlack = 1;        // and in seconds, for a busy machine

/// Nothing when the key is missing, no number, or not finite.
std::optional<double> number(const json& event, const char* key) {
    const auto found = event.find(key);
    if (found == event.end() || !found->is_number()) return std::nullopt;
    const double value = found->get<double>();
    return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string text(const json& event, const char* key) {
    const auto found = event.find(key);
    return found != event.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Failure invalid_failure(const json& event) {
    const std::string kind = text(event, "kind");
    const Ending ending = kind == events::kNotFinite     ? Ending::not_finite
                          : kind == events::kOutOfMemory ? Ending::out_of_memory
                                                         : Ending::invalid;
    std::string reason = clean_line(text(event, "reason"));
    return {ending, reason.empty() ? "the trainer gave no reason" : reason};
}

/// The nine numbers; a missing one is named in `missing`.
Trial read_numbers(const json& event, std::string& missing) {
    const auto get = [&](const char* key) {
        const auto value = number(event, key);
        if (!value && missing.empty()) missing = key;
        return value.value_or(0);
    };
    Trial trial;
    trial.val_bpb = get(events::kValBpb);
    trial.training_seconds = get(events::kTrainingSeconds);
    trial.total_seconds = get(events::kTotalSeconds);
    trial.peak_memory_mb = get(events::kPeakVramMb);
    trial.mfu_percent = get(events::kMfuPercent);
    trial.tokens_m = get(events::kTotalTokensM);
    trial.num_params_m = get(events::kNumParamsM);
    // Out of range, the casts would be undefined.
    trial.num_steps = static_cast<std::int64_t>(std::clamp(get(events::kNumSteps), 0.0, 1e15));
    trial.depth = static_cast<int>(std::clamp(get(events::kDepth), 0.0, 1e6));
    trial.ending = Ending::ok;
    return trial;
}

bool tells_of_memory(const std::string& log) {
    static const std::regex words("out of memory|std::bad_alloc|can(no|')t allocate memory",
                                  std::regex::icase);
    return std::regex_search(log, words);
}

std::string phase_reason(TrialPhase phase, const TrialLimits& limits, double budget) {
    switch (phase) {
        case TrialPhase::starting:
            return fmt::format("no first step within {:g} s", limits.startup);
        case TrialPhase::training:
            return fmt::format("still training {:g} s after its budget of {:g} s", limits.grace, budget);
        case TrialPhase::evaluating:
            return fmt::format("the evaluation took longer than {:g} s", limits.evaluation);
        case TrialPhase::exiting:
            break;
    }
    return fmt::format("did not end within {:g} s of its result", limits.exit);
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

}  // namespace

bool TrialEvents::advance(TrialPhase phase) {
    if (phase <= phase_) return false;
    phase_ = phase;
    return true;
}

bool TrialEvents::line(std::string_view line, Time now) {
    const json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!event.is_object()) {
        // NaN is no JSON: such a result must not count as no result at all.
        if (line.find(events::kResult) != std::string_view::npos) unbelievable_ = "its result is not JSON";
        return false;
    }
    const std::string name = text(event, "event");
    if (name == events::kStep) {
        if (!first_step_) first_step_ = now;
        last_step_ = {number(event, "step").value_or(0), number(event, "progress").value_or(0),
                      number(event, "loss").value_or(0)};
        return advance(TrialPhase::training);
    }
    if (name == events::kEvaluating) {
        if (!evaluating_) evaluating_ = now;
        return advance(TrialPhase::evaluating);
    }
    if (name == events::kResult) {
        std::string missing;
        numbers_ = read_numbers(event, missing);
        if (!missing.empty()) unbelievable_ = "its result has no number for " + missing;
        if (++results_ > 1) unbelievable_ = "it sent more than one result";
        return advance(TrialPhase::exiting);
    }
    if (name == events::kInvalid) {
        if (!invalid_) invalid_ = invalid_failure(event);
        return advance(TrialPhase::exiting);
    }
    return false;
}

double TrialEvents::measured_training_seconds() const {
    if (!first_step_ || !evaluating_) return 0;
    return std::chrono::duration<double>(*evaluating_ - *first_step_).count();
}

Result<Trial> TrialEvents::result(double budget) const {
    const auto refuse = [](const std::string& reason) { return Failure{Ending::invalid, reason}; };
    if (!unbelievable_.empty()) return refuse(unbelievable_);
    if (!numbers_) return Failure{Ending::no_result, "ended without a result"};
    const double claimed = numbers_->training_seconds;
    const double measured = measured_training_seconds();
    if (!(numbers_->val_bpb > 0)) return refuse("val_bpb is not above zero");
    if (numbers_->num_steps <= 0) return refuse("it reported without a training step");
    if (measured < kShareOfBudget * budget - kArrivalSlack || claimed < kShareOfBudget * budget) {
        return refuse(
            fmt::format("it reported early: {:.1f} s of training were measured, {:.1f} s claimed, the "
                        "budget is {:.1f} s",
                        measured, claimed, budget));
    }
    if (std::abs(claimed - measured) > kClockTolerance * measured + kClockSlack) {
        return refuse(
            fmt::format("it claims {:.1f} s of training, measured were {:.1f} s", claimed, measured));
    }
    return *numbers_;
}

Result<Trial> trial_ending(const ProcessResult& process, const TrialEvents& events, const TrialLimits& limits,
                           double budget, const std::string& log_tail) {
    if (!process.start_error.empty()) return Failure{Ending::crashed, process.start_error};
    if (process.interrupted) return Failure{Ending::interrupted, "stopped while training"};
    if (!process.over_memory.empty()) return Failure{Ending::out_of_memory, "it held " + process.over_memory};
    if (events.invalid()) return *events.invalid();
    if (process.timed_out) return Failure{Ending::timed_out, phase_reason(events.phase(), limits, budget)};
    if (process.exit_code != 0) return died(process, log_tail);
    return events.result(budget);
}

std::string last_meaningful_line(std::string_view log) {
    constexpr std::string_view kWhat = "what():";
    std::string_view best;
    for (std::string_view line : split_lines(log)) {
        // A progress line is rewritten in place: only its last state counts.
        line = trim(line);
        line = trim(line.substr(line.rfind('\r') == std::string_view::npos ? 0 : line.rfind('\r') + 1));
        if (line.starts_with(kWhat)) return clean_line(line.substr(kWhat.size()));
        const bool noise = line.empty() || line.starts_with("frame #") ||
                           line.starts_with("Exception raised from") ||
                           line.starts_with("terminate called") || line.starts_with("step 0") ||
                           line.starts_with('#') || line.starts_with("hint:");
        if (!noise) best = line;
    }
    return clean_line(best);
}

}  // namespace autoresearch

#include "run/trial_events.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "autoresearch/events.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::json;

constexpr double kShareOfBudget = 0.9;   // less training than this is no full run
constexpr double kClockTolerance = 0.1;  // between the trainer's clock and ours, as a share of ours
constexpr double kArrivalSlack = 0.3;    // seconds that our reading of the events may be late
constexpr double kClockSlack = 1;        // and in seconds, for a busy machine
constexpr std::size_t kLongestCurve = 200'000;

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
    const double steps = get(events::kNumSteps);
    const double depth = get(events::kDepth);
    // Out of range, the casts would be undefined.
    trial.num_steps = std::abs(steps) < 1e15 ? static_cast<std::int64_t>(steps) : 0;
    trial.depth = std::abs(depth) < 1e6 ? static_cast<int>(depth) : 0;
    return trial;
}

std::string seconds_text(double seconds) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.1f s", seconds);
    return buffer;
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
        if (curve_.size() < kLongestCurve) {
            curve_.push_back({number(event, "step").value_or(0), number(event, "seconds").value_or(0),
                              number(event, "progress").value_or(0), number(event, "loss").value_or(0),
                              number(event, "tokens").value_or(0)});
        }
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

std::optional<Result<Trial>> TrialEvents::result(double budget) const {
    const auto refuse = [](const std::string& reason) {
        return Result<Trial>(Failure{Ending::invalid, reason});
    };
    if (!unbelievable_.empty()) return refuse(unbelievable_);
    if (!numbers_) return std::nullopt;
    const double claimed = numbers_->training_seconds;
    const double measured = measured_training_seconds();
    if (!(numbers_->val_bpb > 0)) return refuse("val_bpb is not above zero");
    if (numbers_->num_steps <= 0) return refuse("it reported without a training step");
    if (measured < kShareOfBudget * budget - kArrivalSlack || claimed < kShareOfBudget * budget) {
        return refuse("it reported early: " + seconds_text(measured) + " of training were measured, " +
                      seconds_text(claimed) + " claimed, the budget is " + seconds_text(budget));
    }
    if (std::abs(claimed - measured) > kClockTolerance * measured + kClockSlack) {
        return refuse("it claims " + seconds_text(claimed) + " of training, measured were " +
                      seconds_text(measured));
    }
    return Result<Trial>(*numbers_);
}

void TrialEvents::write_curve(const std::filesystem::path& file) const {
    std::ostringstream csv;
    csv.precision(9);
    csv << "step,seconds,progress,loss,tokens\n";
    for (const CurvePoint& point : curve_) {
        csv << point.step << ',' << point.seconds << ',' << point.progress << ',' << point.loss << ','
            << point.tokens << '\n';
    }
    write_file(file, csv.str());
}

}  // namespace autoresearch

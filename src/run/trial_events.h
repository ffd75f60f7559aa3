#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/experiment.h"

namespace autoresearch {

/// What a trainer is doing, as far as its events tell.
enum class TrialPhase { starting, training, evaluating, exiting };

struct CurvePoint {
    double step = 0, seconds = 0, progress = 0, loss = 0, tokens = 0;
};

/// Reads the event channel of one trial (include/autoresearch/events.h). Nothing a trainer writes makes it
/// throw.
class TrialEvents {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// `now`: when the line arrived, by the harness's clock. Returns whether the phase changed.
    bool line(std::string_view text, Time now);

    TrialPhase phase() const { return phase_; }
    /// By the harness's clock: from the first step to the start of the evaluation; 0 when one of them never
    /// came.
    double measured_training_seconds() const;
    const std::vector<CurvePoint>& curve() const { return curve_; }
    const std::optional<Failure>& invalid() const { return invalid_; }

    /// The numbers of the result event, or why they cannot be believed. Nothing when no result came.
    std::optional<Result<Trial>> result(double budget) const;

    /// step,seconds,progress,loss,tokens; one line a step event.
    void write_curve(const std::filesystem::path& file) const;

  private:
    bool advance(TrialPhase phase);

    TrialPhase phase_ = TrialPhase::starting;
    std::optional<Time> first_step_, evaluating_;
    std::vector<CurvePoint> curve_;
    std::optional<Failure> invalid_;
    std::optional<Trial> numbers_;
    std::string unbelievable_;  // why the result is not one
    int results_ = 0;
};

}  // namespace autoresearch

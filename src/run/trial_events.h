#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "contract/experiment.h"
#include "proc/subprocess.h"

namespace autoresearch {

/// What a trainer is doing, as far as its events tell.
enum class TrialPhase { starting, training, evaluating, exiting };

/// The limits of a trial besides its budget, seconds.
struct TrialLimits {
    double startup = 300;     // spawn to the end of the first step
    double grace = 30;        // beyond the budget: the last step, and the trainer noticing that time is up
    double evaluation = 300;  // from there to the result
    double exit = 10;         // from the result to the end of the process
};

struct StepEvent {
    double step = 0, progress = 0, loss = 0;
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
    const std::optional<StepEvent>& last_step() const { return last_step_; }
    const std::optional<Failure>& invalid() const { return invalid_; }

    /// The numbers of the result event, or why there are none to believe.
    Result<Trial> result(double budget) const;

  private:
    bool advance(TrialPhase phase);

    TrialPhase phase_ = TrialPhase::starting;
    std::optional<Time> first_step_, evaluating_;
    std::optional<StepEvent> last_step_;
    std::optional<Failure> invalid_;
    std::optional<Trial> numbers_;
    std::string unbelievable_;  // why the result is not one
    int results_ = 0;
};

/// The numbers of a finished trial, or how it ended instead. `log_tail` is the end of run.log. The channel is
/// believed, stdout never: it only explains a crash.
Result<Trial> trial_ending(const ProcessResult& process, const TrialEvents& events, const TrialLimits& limits,
                           double budget, const std::string& log_tail);

/// The line of a log that explains a crash best: what an exception says, else the last line that is no stack
/// frame.
std::string last_meaningful_line(std::string_view log);

}  // namespace autoresearch

#pragma once

#include <string>

#include "proc/subprocess.h"
#include "run/trial_events.h"

namespace autoresearch {

/// The limits of a trial besides its budget, seconds.
struct TrialLimits {
    double startup = 300;     // spawn to the end of the first step
    double grace = 30;        // beyond the budget: the last step, and the trainer noticing that time is up
    double evaluation = 300;  // from there to the result
    double exit = 10;         // from the result to the end of the process
};

/// Says how a finished trial ended; ending ok has the numbers of the result, every other a reason of one
/// line. `log_tail` is the end of run.log. The channel is believed, stdout never: it only explains a crash.
Trial trial_ending(const ProcessResult& process, const TrialEvents& events, const TrialLimits& limits,
                   double budget, const std::string& log_tail);

/// The line of a log that explains a crash best: what an exception says, else the last line that is no stack
/// frame.
std::string last_meaningful_line(std::string_view log);

}  // namespace autoresearch

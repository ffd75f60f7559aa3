#include "trial/fair_runner.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace autoresearch {
namespace {

constexpr double kMostWaiting = 0.1;  // share of a trial's thread time that it may wait for others
constexpr double kBackOff = 30;  // seconds before the first repeat; four times as many before each later one
constexpr double kStopInterval = 0.2;  // seconds between looks at the stop request

/// Why the trial's result says nothing about its code; empty for a fair trial.
std::string disturbance(const Trial& trial, double reached, const Settings& settings) {
    const double speed = reached > 0 ? trial.steps_per_second() / reached : 1;
    if (speed < kLeastSpeed)
        return fmt::format("{:.0f} % of the steps per second that it reached before", 100 * speed);
    // What it waits for because it has more threads than there are cores is its own affair.
    const Conditions& conditions = trial.conditions;
    const double lost =
        std::min(conditions.wait_seconds, conditions.others_seconds) + conditions.steal_seconds;
    const double share = trial.wall_seconds > 0 ? lost / (settings.threads * trial.wall_seconds) : 0;
    if (share <= kMostWaiting || settings.counts_cpu_time()) return "";
    return fmt::format("other processes held the CPU for {:.0f} % of it", 100 * share);
}

}  // namespace

Trial FairRunner::run(const TrialRequest& request) {
    double pause = kBackOff;
    for (int round = 0;; ++round, pause *= 4) {
        Trial trial = runner_.run(request);
        if (trial.counts()) trial.void_because = disturbance(trial, request.reached, settings_);
        // Without repeats every result counts, but what the machine made fail is no result.
        const bool counts_anyway = settings_.repeats == 0 && trial.ending == Ending::ok;
        if (counts_anyway || trial.ending == Ending::interrupted) trial.void_because.clear();
        if (trial.void_because.empty()) return trial;
        trial.reason = "trial disturbed: " + trial.void_because;
        if (round >= std::max(settings_.repeats, 1)) {
            trial.reason += fmt::format(" ({} times)", round + 1);
            return trial;
        }
        if (request.void_trials != nullptr) request.void_trials->push_back(trial);
        reporter_.note(fmt::format("{}; retrying in {:.0f} s", trial.reason, pause));
        if (wait(pause)) continue;
        trial.ending = Ending::interrupted;
        trial.void_because.clear();
        return trial;
    }
}

/// False if the person asked the run to end.
bool FairRunner::wait(double seconds) const {
    for (const double until = clock_.seconds() + seconds; clock_.seconds() < until;) {
        if (stop_.now() || stop_.after_experiment()) return false;
        const int left = static_cast<int>(std::max(0.0, until - clock_.seconds()));
        reporter_.progress({1 - left / seconds, fmt::format("retrying in {}:{:02}", left / 60, left % 60)});
        clock_.sleep(kStopInterval);
    }
    return true;
}

}  // namespace autoresearch

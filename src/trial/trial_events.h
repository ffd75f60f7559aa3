#pragma once

#include <array>
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "contract/outside.h"
#include "contract/steps.h"
#include "proc/subprocess.h"

namespace autoresearch {

/// Follows one trial through its event channel (include/autoresearch/events.h), for a person and for the
/// watchdog, and determines how it ended. Nothing a trainer writes makes it throw.
class TrialEvents {
  public:
    /// Both must outlive it.
    TrialEvents(const TrialRequest& request, Reporter& reporter);

    /// Takes a line that has just arrived. Returns a new limit, in seconds from now, if the line begins
    /// another phase of the trial or shows that the trial is hopeless.
    std::optional<double> line(std::string_view text);

    /// How the trial ended, with its numbers if it succeeded. `log` is the end of run.log: only the channel
    /// is trusted; stdout merely explains a crash.
    Trial ending(const ProcessResult& process, const std::string& log) const;

    /// Whether the first step was done.
    bool stepped() const { return phase_ > 0; }

  private:
    struct Phase {
        double limit;         // seconds from its start
        std::string overrun;  // what to tell a person beyond that
        std::chrono::steady_clock::time_point began = {};
    };

    void check_hello(const nlohmann::json& event);
    void step(const nlohmann::json& event);
    void check_thresholds(double share);
    void read_result(const nlohmann::json& event);
    Trial result() const;

    const TrialRequest& request_;
    const TrialSpec& spec_;
    Reporter& reporter_;
    std::array<Phase, 4> phases_;  // startup, training, evaluation, exit
    std::size_t phase_ = 0;
    std::size_t checked_ = 0;  // how many of the spec's stop thresholds
    bool greeted_ = false;
    std::optional<std::string> hopeless_;
    std::optional<std::string> stranger_;    // why it is not the requested trainer
    std::optional<Trial> invalid_, result_;  // what the events of these names said
    std::string unbelievable_;               // why the result does not count
};

/// The line of a log that best explains a crash: what an exception says, else the last line that is not a
/// stack frame.
std::string last_meaningful_line(std::string_view log);

}  // namespace autoresearch

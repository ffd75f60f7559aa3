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

/// Follows one trial by its event channel (include/autoresearch/events.h), for a person and for the watchdog,
/// and says in the end what came of it. Nothing a trainer writes makes it throw.
class TrialEvents {
  public:
    /// Both must outlive it.
    TrialEvents(const TrialRequest& request, Reporter& reporter);

    /// Takes a line that has just arrived. Returns a new limit, in seconds from now, when the line begins
    /// another phase of the trial or shows that the trial is hopeless.
    std::optional<double> line(std::string_view text);

    /// How the trial ended, with its numbers when that was well. `log` is the end of run.log: the channel is
    /// believed, stdout never, which only explains a crash.
    Trial ending(const ProcessResult& process, const std::string& log) const;

  private:
    struct Phase {
        double limit;         // seconds from its beginning
        std::string overrun;  // what a person is told beyond that
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
    std::array<Phase, 4> phases_;  // start-up, training, evaluation, exit
    std::size_t phase_ = 0;
    std::size_t checked_ = 0;  // of the spec's stop thresholds
    std::optional<std::string> hopeless_;
    std::optional<std::string> stranger_;    // why it is not the trainer that was asked for
    std::optional<Trial> invalid_, result_;  // what the events of these names said
    std::string unbelievable_;               // why the result is none
};

/// The line of a log that explains a crash best: what an exception says, else the last line that is no stack
/// frame.
std::string last_meaningful_line(std::string_view log);

}  // namespace autoresearch

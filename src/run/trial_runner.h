#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "contract/outside.h"
#include "contract/steps.h"
#include "run/trial_events.h"

namespace autoresearch {

struct TrialRunnerOptions {
    std::filesystem::path data;  // a prepared data set
    std::string device = "cpu";  // cpu, mps, cuda
    int threads = 1;             // CPU threads of the trainer
    TrialLimits limits;
    double memory_limit = 0;           // GB for all processes of a trial; 0: no limit
    double kill_grace = 5;             // seconds between SIGTERM and SIGKILL
    std::size_t log_limit = 32 << 20;  // bytes of run.log, and of events.jsonl
};

/// Runs `program --data DIR --budget S --seed N --device D --threads N --events-fd 3 --curve FILE` under the
/// watchdog. In the request's directory run.log (first line: the command) and events.jsonl are appended; the
/// trainer writes curve.csv there, or curve-SEED.csv when an earlier trial has done so.
class TrialRunner : public Runner {
  public:
    TrialRunner(TrialRunnerOptions options, Reporter& reporter, const StopRequest& stop);
    Trial run(const TrialRequest& request) override;

  private:
    ProcessSpec specification(const TrialRequest& request) const;
    void follow(TrialPhase phase, double budget, Deadline& deadline) const;
    void report(const TrialEvents& events);

    TrialRunnerOptions options_;
    Reporter& reporter_;
    const StopRequest& stop_;
};

/// Why the machine made a trial's number and not the code, when that is certain; else empty. Load is no such
/// reason: the judge weighs it.
std::string disturbance(const Conditions& conditions);

}  // namespace autoresearch

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "contract/experiment.h"

namespace autoresearch {

struct TrialRequest {
    std::filesystem::path program;
    std::filesystem::path directory;  // run.log and events.jsonl are appended here, the curve is new
    std::uint64_t seed = 0;
    double budget = 0;                 // training seconds
    std::filesystem::path trace = {};  // the curve.csv of a trial whose steps are taken again, whatever time
                                       // it takes; empty: the clock rules
    bool test_split = false;  // evaluate on the test documents: for the final number, never a verdict
    /// Asked at every step event with the share of the budget and the loss: why the trial is sure to lose,
    /// or nothing. An answer ends it as ended_early.
    std::function<std::optional<std::string>(double share, double loss)> hopeless = {};
};

/// Runs one trial in its own process group under the watchdog. Never throws for what the trainer does:
/// every way to end is in Trial::ending. Returns only when the whole group is gone.
class Runner {
  public:
    virtual ~Runner() = default;
    virtual Trial run(const TrialRequest& request) = 0;
};

}  // namespace autoresearch

#pragma once

#include <sys/types.h>

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "record/run_info.h"
#include "record/summary.h"

namespace autoresearch {

/// All that is shown of a run.
struct RunView {
    RunInfo run;
    std::string branch;           // that its kept experiments are on
    Summary summary;              // by summary_rules
    std::optional<pid_t> holder;  // the process that goes on with it; nothing when none does
};

/// How the summary of a run is made.
SummaryRules summary_rules(std::function<Noise(const std::vector<Experiment>&)> noise);

/// What `status` prints: for people, for programs.
std::string run_text(const RunView& view, bool color);
nlohmann::ordered_json run_json(const RunView& view, const std::vector<Experiment>& experiments);

/// The first line of a run. `goes_on`: experiments are recorded already.
std::string opening_line(const RunInfo& run, bool goes_on);

/// The final number (src/cli/final_number.h) as one line.
std::string final_number_text(const nlohmann::ordered_json& number);

}  // namespace autoresearch

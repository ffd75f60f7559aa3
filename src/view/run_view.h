#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "record/run_info.h"
#include "record/run_lock.h"
#include "record/summary.h"

namespace autoresearch {

/// Everything shown about a run.
struct RunView {
    RunInfo run;
    std::string branch;                // with its kept experiments
    Summary summary;                   // by summary_rules
    std::optional<LockHolder> holder;  // the process that is running it, if any
};

/// "experiment 3: train, seed 1  42 %  step 12, loss 3.1" of a running run; empty where nothing is known.
std::string now_text(const std::filesystem::path& run_directory);

/// How the summary of a run is made.
SummaryRules summary_rules(const std::function<Noise(const std::vector<Experiment>&)>& noise);

/// What `status` prints, for people and for programs.
std::string run_text(const RunView& view, bool color);
nlohmann::ordered_json run_json(const RunView& view, const std::vector<Experiment>& experiments);

/// The first line of a run. `goes_on`: experiments are already recorded.
std::string opening_line(const RunInfo& run, bool goes_on);

/// What holds the candidates of a run that begins.
std::string walls_line(BoxKind box);

/// The final number (src/cli/final_number.h) as one line.
std::string final_number_text(const nlohmann::ordered_json& number);

}  // namespace autoresearch

#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "contract/experiment.h"

namespace autoresearch {

/// What is shown of a run's experiments, without reading all of them. The ledger stays the truth.
struct Summary {
    std::string rows;  // a line for each experiment
    nlohmann::ordered_json facts;
};

/// How it is made of them.
struct SummaryRules {
    std::function<std::string(const Experiment&)> row;  // one line, without its end
    std::function<nlohmann::ordered_json(const std::vector<Experiment>&)> facts;
};

Summary summarize(const std::vector<Experiment>& experiments, const SummaryRules& rules);

/// The one in the run's folder; nothing where it is missing, damaged, or does not belong to the ledger as it
/// is now: then read that.
std::optional<Summary> read_summary(const std::filesystem::path& run_directory);

/// Keeps the summary in the run's folder, for as long as this process holds the run's lock.
class SummaryWriter {
  public:
    SummaryWriter(std::filesystem::path run_directory, SummaryRules rules)
        : run_directory_(std::move(run_directory)), rules_(std::move(rules)) {}
    /// Of all that the ledger holds, after each of its lines.
    void renew(const std::vector<Experiment>& experiments);

  private:
    std::filesystem::path run_directory_;
    SummaryRules rules_;
    std::size_t count_ = 0;  // experiments in rows_
    std::string rows_;
};

}  // namespace autoresearch

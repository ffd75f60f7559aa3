#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "contract/experiment.h"

namespace autoresearch {

/// One finished experiment on one line: number, decision, val_bpb, delta, memory, seconds, idea; for a crash,
/// also the reason.
std::string experiment_line(const Experiment& experiment, bool color);

/// A line or two that sum up all experiments.
std::string result_sums(const std::vector<Experiment>& experiments);

/// The lines of all experiments, without color, in aligned columns under a heading, the incumbent (by its
/// number) marked with *; then the sums.
std::string result_table(std::string_view rows, int incumbent, const std::string& sums, bool color);

}  // namespace autoresearch

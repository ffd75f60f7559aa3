#pragma once

#include <string>
#include <vector>

#include "contract/experiment.h"

namespace autoresearch {

/// One finished experiment on one line: number, decision, val_bpb, delta, memory, seconds, idea; for a crash,
/// also the reason.
std::string experiment_line(const Experiment& experiment, bool color);

/// All experiments in aligned columns under a heading, with the incumbent marked by *, and a summary line.
std::string result_table(const std::vector<Experiment>& experiments, bool color);

}  // namespace autoresearch

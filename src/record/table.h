#pragma once

#include <string>
#include <vector>

#include "contract/experiment.h"

namespace autoresearch {

/// "keep", "discard" or "crash", padded to 7 characters; green, dim or red when `color`.
std::string painted(Decision decision, bool color);

/// One finished experiment on one line: number, decision, val_bpb, delta, seconds, idea; for a crash its
/// reason.
std::string experiment_line(const Experiment& experiment, bool color);

/// The incumbent: the latest kept experiment; null when none is kept.
const Experiment* incumbent_of(const std::vector<Experiment>& experiments);

/// All experiments in aligned columns under a heading, the incumbent marked with *, and a line that sums up.
std::string result_table(const std::vector<Experiment>& experiments, bool color);

}  // namespace autoresearch

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "contract/experiment.h"

namespace autoresearch {

/// One experiment on one line: number, verdict, val_bpb, delta, idea, reason.
std::string history_line(const Experiment& experiment);

/// history.md: a summary and one line for each experiment, newest last. About `budget` bytes: the older ones
/// lose their reasons first, then their lines (those that were kept last of all); how many are left out is
/// said.
std::string history_text(const std::vector<Experiment>& history, std::size_t budget = 24 << 10);

}  // namespace autoresearch

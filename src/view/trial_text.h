#pragma once

#include <string>

#include "contract/experiment.h"

namespace autoresearch {

/// The originals' summary block, from `---` to `depth:`.
std::string summary_block(const Trial& trial);

/// A table of a recorded trial of the experiment and its rerun, with the difference.
std::string comparison(const Experiment& recorded, const Trial& before, const Trial& now);

}  // namespace autoresearch

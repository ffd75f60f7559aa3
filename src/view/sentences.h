#pragma once

#include <string>

#include "contract/experiment.h"

namespace autoresearch {

/// A verdict in one line for a person or an agent, made from its evidence; if it has none (a crash, an early
/// end, no fair trial, an older version's ledger), the recorded reason.
std::string verdict_sentence(const Verdict& verdict);

}  // namespace autoresearch

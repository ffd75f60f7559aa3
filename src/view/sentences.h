#pragma once

#include <string>

#include "contract/experiment.h"

namespace autoresearch {

/// A verdict in one line for a person or an agent, made from its evidence; where it has none (a crash, an
/// early end, no fair trial, a ledger of an older version), the reason that was recorded with it.
std::string verdict_sentence(const Verdict& verdict);

}  // namespace autoresearch

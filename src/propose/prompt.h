#pragma once

#include <string>

#include "contract/proposer.h"

namespace autoresearch {

/// What the prompt says of the machine and the run.
struct PromptFacts {
    std::string device;    // mps, cuda, cpu
    double budget = 0;     // training seconds
    double memory_gb = 0;  // of the device; 0: not known
};

/// program.md, then the state of this run: device, budget, the experiment to beat, the latest results, what
/// to do now.
std::string prompt_text(const std::string& program, const ProposalRequest& request, const PromptFacts& facts);

}  // namespace autoresearch

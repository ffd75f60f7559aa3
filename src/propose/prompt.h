#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "contract/steps.h"

namespace autoresearch {

/// What the prompt says of the machine and the run.
struct PromptFacts {
    std::string device;    // mps, cuda, cpu
    std::string budget;    // of a trial, with its unit
    double memory_gb = 0;  // of the device; 0: not known
};

/// program.md, then the state of this run: device, budget, the experiment to beat, the noise, the latest
/// results, what to do now.
std::string prompt_text(const std::string& program, const ProposalRequest& request, const PromptFacts& facts);

/// What a rejected answer is sent back with: why, and the lines of the log that belong to it.
std::string repair_text(const ProposalRequest& request);

/// One experiment on one line: number, verdict, val_bpb, delta (in units of the noise, once that is known),
/// whether it was a near miss, idea, and, when it is to be `whole`, the reason.
std::string history_line(const Experiment& experiment, const Noise& noise, bool whole = true);

/// history.md: a summary and one line for each experiment, newest last; the last words of those that
/// crashed, from their logs in `experiments`/NNNN. About `budget` bytes: the older ones lose their reasons
/// and logs first, then their lines (those that were kept last of all); how many are left out is said.
std::string history_text(const std::vector<Experiment>& history, const Noise& noise,
                         const std::filesystem::path& experiments, std::size_t budget = 24 << 10);

/// Those that an agent finds whole in experiments/: the kept ones and the newest, oldest first.
std::vector<int> experiments_to_show(const std::vector<Experiment>& history);

}  // namespace autoresearch

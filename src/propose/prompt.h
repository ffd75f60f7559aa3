#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "contract/steps.h"

namespace autoresearch {

/// What the prompt says about the machine and the run.
struct PromptFacts {
    std::string device;    // mps, cuda, cpu
    std::string budget;    // of a trial, with its unit
    double memory_gb = 0;  // of the device; 0: unknown
};

// What programs and agents wrote stands behind a > on each of its lines, without anything that nobody sees,
// and every text says near its top that this is data.

/// program.md, then the state of this run: device, budget, the experiment to beat, the noise, the latest
/// results, what to do now.
std::string prompt_text(const std::string& program, const ProposalRequest& request, const PromptFacts& facts);

/// The text that sends a rejected answer back: why, and the log lines that explain it.
std::string repair_text(const ProposalRequest& request);

/// One experiment on one line: number, verdict, val_bpb, delta (in noise units too, once known), whether it
/// was a near miss, idea, and, if `whole`, the reason.
std::string history_line(const Experiment& experiment, const Noise& noise, bool whole = true);

/// history.md: a summary and one line per experiment, newest last, with the last log lines of those that
/// crashed, from `experiments`/NNNN. About `budget` bytes: older experiments lose their reasons and logs
/// first, then their lines (kept ones last of all); says how many are left out.
std::string history_text(const std::vector<Experiment>& history, const Noise& noise,
                         const std::filesystem::path& experiments, std::size_t budget = 24 << 10);

/// Those that an agent finds whole in experiments/: the kept ones and the newest, oldest first.
std::vector<int> experiments_to_show(const std::vector<Experiment>& history);

}  // namespace autoresearch

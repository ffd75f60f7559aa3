#pragma once

#include <spdlog/fmt/fmt.h>

#include <filesystem>
#include <string>

// Every file name of a run directory, in one place.
namespace autoresearch::run_files {

// .autoresearch/<tag>/
inline constexpr const char* kFolder = ".autoresearch";  // at the root of the working tree, ignored by git
inline constexpr const char* kRun = "run.json";          // the frozen configuration, with origins
inline constexpr const char* kLedger = "ledger.jsonl";   // the truth: one line per experiment
inline constexpr const char* kResults = "results.tsv";   // derived from the ledger, in the originals' columns
inline constexpr const char* kLock = "lock";
inline constexpr const char* kFinal =
    "final.json";  // the best one on the test split (src/cli/final_number.h)
inline constexpr const char* kLog = "harness.log";
inline constexpr const char* kExperiments = "experiments";

// .autoresearch/<tag>/experiments/NNNN/, beside what the steps write: prompt.md, agent.log, build.log,
// run.log, events.jsonl, and every step of a trial in curve-SEED.csv.
inline constexpr const char* kIdea = "idea.txt";
inline constexpr const char* kProposal = "proposal.json";  // saved before the proposal is tried
inline constexpr const char* kSource = "train.cpp";
inline constexpr const char* kPatch = "patch.diff";  // against the parent's train.cpp
inline constexpr const char* kResult = "result.json";

inline std::filesystem::path run_directory(const std::filesystem::path& root, const std::string& tag) {
    return root / kFolder / tag;
}

inline std::filesystem::path experiment_directory(const std::filesystem::path& run, int number) {
    return run / kExperiments / fmt::format("{:04}", number);
}

}  // namespace autoresearch::run_files

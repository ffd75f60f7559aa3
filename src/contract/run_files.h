#pragma once

#include <spdlog/fmt/fmt.h>

#include <cstdint>
#include <filesystem>
#include <string>

// Every file name of a run, in one place.
namespace autoresearch::run_files {

using Path = std::filesystem::path;

/// At the root of the working tree, ignored by git: one folder per run.
inline Path all_runs(const Path& repository) {
    return repository / ".autoresearch";
}
inline Path run_directory(const Path& repository, const std::string& tag) {
    return all_runs(repository) / tag;
}
/// Logs of trials outside any run: train, replay, noise.
inline Path by_hand(const Path& repository) {
    return all_runs(repository) / "by-hand";
}

// .autoresearch/<tag>/

/// The settings the run started with, and their origins.
inline Path run(const Path& directory) {
    return directory / "run.json";
}
/// The source of truth: one line per experiment.
inline Path ledger(const Path& directory) {
    return directory / "ledger.jsonl";
}
/// Derived from the ledger, in the originals' columns.
inline Path results(const Path& directory) {
    return directory / "results.tsv";
}
/// What `status` shows, derived from the ledger too (src/record/summary.h): the rows of its table, and the
/// rest.
inline Path table(const Path& directory) {
    return directory / "table.txt";
}
inline Path summary(const Path& directory) {
    return directory / "summary.json";
}
/// What the curves of finished trials say about early ends, a line per experiment.
inline Path lessons(const Path& directory) {
    return directory / "lessons.jsonl";
}
inline Path lock(const Path& directory) {
    return directory / "lock";
}
/// What is going on right now (src/view/terminal_reporter.h); gone when the run ends.
inline Path now(const Path& directory) {
    return directory / "now.json";
}
/// The screen of a run without a terminal (--detach).
inline Path console(const Path& directory) {
    return directory / "console.log";
}
inline Path log(const Path& directory) {
    return directory / "harness.log";
}
/// The result on the test split (src/cli/final_number.h), and the folder of its trials.
inline Path final_number(const Path& directory) {
    return directory / "final.json";
}
inline Path final_trials(const Path& directory, const std::string& code) {
    return directory / "final" / code;
}
inline Path experiments(const Path& directory) {
    return directory / "experiments";
}
inline Path experiment_directory(const Path& directory, int number) {
    return experiments(directory) / fmt::format("{:04}", number);
}

inline Path proposals(const Path& directory) {
    return directory / "proposals";
}
inline Path proposal_directory(const Path& directory, int id) {
    return proposals(directory) / fmt::format("{:04}", id);
}

// .autoresearch/<tag>/proposals/ID/, with train.cpp and idea.txt

/// Everything the agent was told, and what it printed on stdout and stderr.
inline Path prompt(const Path& directory) {
    return directory / "prompt.md";
}
inline Path agent_log(const Path& directory) {
    return directory / "agent.log";
}
inline Path agent_errors(const Path& directory) {
    return directory / "agent.err";
}
/// The whole proposal, with its parent and what it cost. There is none where the agent gave no edit.
inline Path proposal(const Path& directory) {
    return directory / "proposal.json";
}

/// Why autoresearch itself ended while this was tried (src/record/fault_mark.h).
inline Path fault(const Path& directory) {
    return directory / "fault.txt";
}

// .autoresearch/<tag>/experiments/NNNN/, made when a proposal is tried

/// Leads to the folder of its proposal.
inline Path proposal_link(const Path& directory) {
    return directory / "proposal";
}
inline Path source(const Path& directory) {
    return directory / "train.cpp";
}
inline Path idea(const Path& directory) {
    return directory / "idea.txt";
}
/// Against the parent's train.cpp.
inline Path patch(const Path& directory) {
    return directory / "patch.diff";
}
inline Path build_log(const Path& directory) {
    return directory / "build.log";
}
/// What the trials printed, and their events (include/autoresearch/events.h).
inline Path run_log(const Path& directory) {
    return directory / "run.log";
}
inline Path events(const Path& directory) {
    return directory / "events.jsonl";
}
/// Every step of a trial (prepare/session/report.h). A repeat replaces it.
inline Path curve_file(const Path& directory, std::uint64_t seed) {
    return directory / ("curve-" + std::to_string(seed) + ".csv");
}
/// The steps that a trial repeats.
inline Path trace(const Path& directory, std::uint64_t seed) {
    return directory / ("trace-" + std::to_string(seed) + ".csv");
}
/// A look whether the incumbent still starts.
inline Path machine_check(const Path& directory) {
    return directory / "machine-check";
}
/// Finished trials of an unfinished experiment, one per line.
inline Path finished_trials(const Path& directory) {
    return directory / "trials.jsonl";
}
/// The experiment's ledger line, indented.
inline Path result(const Path& directory) {
    return directory / "result.json";
}

}  // namespace autoresearch::run_files

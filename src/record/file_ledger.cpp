#include "record/file_ledger.h"

#include <autoresearch/error.h>
#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "record/experiment_json.h"
#include "record/run_files.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {

namespace {

constexpr const char* kVersionKey = "autoresearch_ledger";

std::string version_line() {
    return dump_line({{kVersionKey, kLedgerVersion}}) + "\n";
}

struct Parsed {
    std::vector<Experiment> experiments;
    std::size_t good_bytes = 0;  // what follows was torn by a crash
};

[[noreturn]] void damaged(const std::filesystem::path& file, std::size_t line, const std::string& what) {
    throw UserError(file.string() + " line " + std::to_string(line) + " cannot be read: " + what,
                    "mend that line, or move the run's folder away and start a new run");
}

void check_version(const std::filesystem::path& file, const nlohmann::json& json) {
    if (!json.is_object() || !json.contains(kVersionKey))
        damaged(file, 1, "it is not the version line of a ledger");
    if (json[kVersionKey] != kLedgerVersion) {
        throw UserError(file.string() + " was written by another version of autoresearch (format " +
                            json[kVersionKey].dump() + ", this one writes " + std::to_string(kLedgerVersion) +
                            ")",
                        "start a new run with --tag, or go on with the version that wrote it");
    }
}

/// The highest number of the folders in experiments/; -1 when there is none.
int newest_folder(const std::filesystem::path& run_directory) {
    int newest = -1;
    std::error_code missing;
    for (const auto& entry :
         std::filesystem::directory_iterator(run_directory / run_files::kExperiments, missing)) {
        const std::string name = entry.path().filename().string();
        const bool number = !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
        if (number && name.size() < 9) newest = std::max(newest, std::stoi(name));
    }
    return newest;
}

/// An experiment has a folder only when the ledger has all before it. `newest` was looked up before the
/// ledger was read: a run may be going on.
void check_complete(const std::filesystem::path& file, const std::vector<Experiment>& experiments,
                    int newest) {
    const int next = static_cast<int>(experiments.size());
    if (newest <= next) return;
    throw UserError(
        fmt::format("{} lost experiments: it ends before number {}, but experiments/ goes up to {}",
                    file.string(), next, newest),
        "put the whole file back, or start a new run with --tag");
}

/// Only a last line that is no JSON, or has no end, was torn; anything else is damage.
Parsed parse(const std::filesystem::path& file, std::string_view text) {
    Parsed parsed;
    text = text.substr(0, text.rfind('\n') + 1);
    const auto lines = split_lines(text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto json = nlohmann::json::parse(lines[i], nullptr, false);
        if (i == 0) {
            check_version(file, json);
        } else if (json.is_discarded()) {
            // A power cut can leave the end of the file as zeros, even with the line's end on the disk.
            if (i + 1 == lines.size()) break;
            damaged(file, i + 1, "it is not JSON");
        } else {
            try {
                parsed.experiments.push_back(experiment_from_json(json));
            } catch (const std::invalid_argument& error) {
                damaged(file, i + 1, error.what());
            }
            if (parsed.experiments.back().number + 1 != static_cast<int>(i))
                damaged(file, i + 1, "experiment " + std::to_string(i - 1) + " should stand here");
        }
        parsed.good_bytes += lines[i].size() + 1;
    }
    return parsed;
}

}  // namespace

std::vector<Experiment> read_ledger(const std::filesystem::path& run_directory) {
    const auto file = run_directory / run_files::kLedger;
    const int newest = newest_folder(run_directory);
    auto experiments = parse(file, try_read_file(file).value_or("")).experiments;
    check_complete(file, experiments, newest);
    return experiments;
}

std::string results_tsv(const std::vector<Experiment>& experiments) {
    std::string text = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n";
    for (const auto& experiment : experiments) {
        // The originals know no trial that was ended before it had a result.
        const bool crash =
            experiment.verdict.decision == Decision::crash || experiment.verdict.ending != Ending::ok;
        text += fmt::format("{}\t{:.6f}\t{:.1f}\t{}\t{}\n",
                            experiment.commit.empty() ? "-" : experiment.commit.substr(0, 7),
                            crash ? 0 : experiment.val_bpb(), crash ? 0 : experiment.peak_memory_mb() / 1024,
                            to_string(crash ? Decision::crash : experiment.verdict.decision),
                            // A double quote would open a quoted field for the readers of such tables.
                            replace_all(clean_line(experiment.idea), "\"", "'"));
    }
    return text;
}

FileLedger::FileLedger(std::filesystem::path run_directory, PatchOf patch_of)
    : run_directory_(std::move(run_directory)),
      file_(run_directory_ / run_files::kLedger),
      patch_of_(std::move(patch_of)) {
    open_and_repair();
    write_results();
}

void FileLedger::open_and_repair() {
    std::filesystem::create_directories(run_directory_);
    fd_ = open_file(file_, O_RDWR | O_CREAT | O_APPEND);
    const auto text = read_file(file_);
    auto parsed = parse(file_, text);
    check_complete(file_, parsed.experiments, newest_folder(run_directory_));
    experiments_ = std::move(parsed.experiments);

    if (parsed.good_bytes < text.size() && ::ftruncate(fd_.get(), static_cast<off_t>(parsed.good_bytes)) != 0)
        throw_errno("cannot mend " + file_.string());
    if (parsed.good_bytes == 0) {
        write_line(version_line());
        flush_directory(run_directory_);
    }
}

void FileLedger::write_line(const std::string& line) {
    const off_t size = ::lseek(fd_.get(), 0, SEEK_END);
    try {
        write_all(fd_.get(), line, file_.string());
        flush_to_disk(fd_.get(), file_.string());
    } catch (...) {
        // Half a line would be in the way of the next one; when even this fails, the next start repairs it.
        if (size >= 0 && ::ftruncate(fd_.get(), size) != 0) fd_.reset();
        throw;
    }
}

void FileLedger::append(const Experiment& experiment) {
    if (experiment.number != static_cast<int>(experiments_.size())) {
        throw std::logic_error("the ledger expects experiment " + std::to_string(experiments_.size()) +
                               ", not " + std::to_string(experiment.number));
    }
    // First what is derived: should the program end in between, the experiment is done again and replaces it.
    write_derived(experiment);
    write_line(dump_line(to_json(experiment)) + "\n");
    experiments_.push_back(experiment);
    write_results();
}

void FileLedger::write_derived(const Experiment& experiment) {
    const auto folder = directory(experiment.number);
    const auto text =
        to_json(experiment).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    write_file_atomically(folder / run_files::kResult, text + "\n");
    write_file_atomically(folder / run_files::kIdea, clean_line(experiment.idea) + "\n");
    const auto patch = patch_of_ ? patch_of_(experiment) : std::string();
    if (!patch.empty()) write_file_atomically(folder / run_files::kPatch, patch);
}

void FileLedger::write_results() const {
    const auto file = run_directory_ / run_files::kResults;
    const auto text = results_tsv(experiments_);
    if (try_read_file(file) != text) write_file_atomically(file, text);
}

std::filesystem::path FileLedger::directory(int number) {
    auto path = run_files::experiment_directory(run_directory_, number);
    std::filesystem::create_directories(path);
    return path;
}

void FileLedger::save_proposal(const Proposal& proposal) {
    const auto folder = directory(proposal.experiment);
    // Also as a file of its own: experiments that are never built have their source too.
    write_file_atomically(folder / run_files::kSource, proposal.source);
    write_file_atomically(folder / run_files::kProposal, dump_line(to_json(proposal)) + "\n");
}

std::optional<Proposal> FileLedger::saved_proposal(int number) {
    const auto file = run_files::experiment_directory(run_directory_, number) / run_files::kProposal;
    const auto text = try_read_file(file);
    if (!text) return std::nullopt;
    try {
        return proposal_from_json(nlohmann::json::parse(*text));
    } catch (const std::exception& error) {
        throw UserError(file.string() + " is damaged: " + error.what(),
                        "remove it: the agent is asked again then");
    }
}

}  // namespace autoresearch

#include "record/file_ledger.h"

#include <autoresearch/error.h>
#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "contract/experiment_json.h"
#include "contract/run_files.h"
#include "util/atomic_file.h"
#include "util/json.h"
#include "util/text.h"
#include "util/tree.h"

namespace autoresearch {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// Changes when a field of the lines goes or changes its meaning. A new one needs no new version: an older
// program sees a key that it does not know, and says so.
constexpr const char* kVersionLine = "{\"autoresearch_ledger\":2}";
// Its lines are read too. A run begun with it goes on in its file, with lines of today.
constexpr const char* kOldVersionLine = "{\"autoresearch_ledger\":1}";

[[noreturn]] void damaged(const fs::path& file, std::size_t line, const std::string& what) {
    throw UserError(file.string() + " line " + std::to_string(line) + " cannot be read: " + what,
                    "fix that line, or move the run's folder away and start a new run");
}

/// An experiment has a folder only when the ledger has all before it, the last of which left its result; a
/// folder of which that is not so was put there by somebody else. The folders are looked at before the ledger
/// is read: a run may be going on.
int newest_folder(const fs::path& run_directory) {
    int newest = -1;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(run_files::experiments(run_directory), missing)) {
        const int number = static_cast<int>(std::strtol(entry.path().filename().c_str(), nullptr, 10));
        const auto folder = [&](int of) { return run_files::experiment_directory(run_directory, of); };
        if (number > newest && entry.path() == folder(number) &&
            fs::is_regular_file(run_files::result(folder(number - 1)), missing))
            newest = number;
    }
    return newest;
}

/// Only a last line that is no JSON, or has no end, was torn by a crash: what follows `good_bytes`. Anything
/// else is damage.
std::vector<Experiment> parse(const fs::path& file, std::string_view text, std::size_t& good_bytes) {
    std::vector<Experiment> experiments;
    text = text.substr(0, text.rfind('\n') + 1);
    const auto lines = split_lines(text);
    good_bytes = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (i == 0) {
            if (lines[0] != kVersionLine && lines[0] != kOldVersionLine)
                damaged(file, 1, "it is not the version line that this version of autoresearch writes");
        } else if (json object = try_parse_json(lines[i]); !object.is_discarded()) {
            try {
                experiments.push_back(experiment_from_json(std::move(object)));
            } catch (const std::exception& error) {
                damaged(file, i + 1, error.what());
            }
            if (experiments.back().number != static_cast<int>(i) - 1)
                damaged(file, i + 1, fmt::format("experiment {} should be here", i - 1));
        } else if (i + 1 < lines.size()) {
            damaged(file, i + 1, "it is not JSON");
        } else {
            break;  // a power cut can leave the end of the file as zeros, even with the line's end on the
                    // disk
        }
        good_bytes += lines[i].size() + 1;
    }
    return experiments;
}

/// The same, of a run's whole ledger; UserError when it has lost experiments.
std::vector<Experiment> read(const fs::path& run_directory, std::size_t& good_bytes) {
    const fs::path file = run_files::ledger(run_directory);
    const int newest = newest_folder(run_directory);
    auto experiments = parse(file, fs::exists(file) ? read_file(file) : "", good_bytes);
    if (newest <= static_cast<int>(experiments.size())) return experiments;
    throw UserError(
        fmt::format("{} lost experiments: it ends before number {}, but experiments/ goes up to {}",
                    file.string(), experiments.size(), newest),
        "put the whole file back, or start a new run with --tag");
}

/// In the originals' columns.
std::string results_row(const Experiment& experiment) {
    // The originals know three words: what has no result is a crash, what was not judged was not kept.
    const bool result =
        experiment.verdict.decision != Decision::crash && experiment.verdict.ending == Ending::ok;
    const Decision decision = experiment.verdict.decision == Decision::unjudged ? Decision::discard
                              : result                                          ? experiment.verdict.decision
                                                                                : Decision::crash;
    return fmt::format("{}\t{:.6f}\t{:.1f}\t{}\t{}\n",
                       experiment.commit.empty() ? "-" : experiment.commit.substr(0, 7),
                       result ? experiment.val_bpb() : 0, result ? experiment.peak_memory_mb() / 1024 : 0,
                       to_string(decision),
                       // A double quote would open a quoted field for the readers of such tables.
                       replace_all(clean_line(experiment.idea), "\"", "'"));
}

}  // namespace

std::vector<Experiment> read_ledger(const fs::path& run_directory) {
    std::size_t good_bytes = 0;
    return read(run_directory, good_bytes);
}

FileLedger::FileLedger(fs::path run_directory, PatchOf patch_of, Listener listener)
    : run_directory_(std::move(run_directory)),
      patch_of_(std::move(patch_of)),
      listener_(std::move(listener)) {
    fs::create_directories(run_directory_);
    const fs::path file = run_files::ledger(run_directory_);
    std::size_t good_bytes = 0;
    experiments_ = read(run_directory_, good_bytes);
    fd_ = open_file(file, O_WRONLY | O_CREAT | O_APPEND);
    if (::ftruncate(fd_.get(), static_cast<off_t>(good_bytes)) != 0)
        throw_errno("cannot cut the torn end off " + file.string());
    bytes_ = good_bytes;
    if (good_bytes == 0) {
        write_line(kVersionLine);
        flush_directory(run_directory_);
    }
    write_results();
    if (listener_) listener_(experiments_);
}

void FileLedger::write_line(const std::string& line) {
    bytes_ += line.size() + 1;
    write_all(fd_.get(), line + "\n", "the ledger");
    flush_to_disk(fd_.get(), "the ledger");
}

void FileLedger::append(const Experiment& experiment) {
    if (experiment.number != static_cast<int>(experiments_.size()))
        throw std::logic_error("the ledger has no place for experiment " + std::to_string(experiment.number));
    const fs::path file = run_files::ledger(run_directory_);
    if (file_length(file) != bytes_)
        throw UserError(file.string() + " was written by somebody else: another autoresearch has this run",
                        "stop one of them; this one ends and writes nothing more");
    // First what is derived: should the program end in between, the experiment is done again and replaces it.
    write_derived(experiment);
    write_line(dump_line(to_json(experiment)));
    experiments_.push_back(experiment);
    write_results();
    if (listener_) listener_(experiments_);
    remove_tree(run_files::finished_trials(directory(experiment.number)));
}

void FileLedger::write_derived(const Experiment& experiment) {
    const auto folder = directory(experiment.number);
    for (const auto& file : {run_files::result(folder), run_files::idea(folder), run_files::patch(folder)})
        make_way(file);
    write_file_atomically(run_files::result(folder), dump_indented(to_json(experiment)) + "\n");
    write_file_atomically(run_files::idea(folder), clean_line(experiment.idea) + "\n");
    const auto patch = patch_of_ ? patch_of_(experiment) : std::string();
    if (!patch.empty()) write_file_atomically(run_files::patch(folder), patch);
    if (experiment.proposal == 0) return;
    // What was refused was not built, so only the proposal has its source.
    const auto proposal = proposal_directory(experiment.proposal);
    std::error_code none;
    fs::copy_file(run_files::source(proposal), run_files::source(folder),
                  fs::copy_options::overwrite_existing, none);
    fs::create_directory_symlink(proposal.lexically_relative(folder), run_files::proposal_link(folder), none);
}

void FileLedger::write_results() {
    const std::size_t known = results_.size();
    if (known == 0) results_ = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n";
    for (; rows_ < experiments_.size(); ++rows_) results_ += results_row(experiments_[rows_]);
    extend_file(run_files::results(run_directory_), results_, known);
}

fs::path FileLedger::directory(int number) {
    auto path = run_files::experiment_directory(run_directory_, number);
    std::error_code missing;
    if (!fs::is_directory(fs::symlink_status(path, missing)))
        remove_tree(path);  // somebody else put it there
    fs::create_directories(path);
    return path;
}

/// Above the ids of all that were tried.
int FileLedger::first_untried() const {
    int last = 0;
    for (const Experiment& experiment : experiments_) last = std::max(last, experiment.proposal);
    return last + 1;
}

int FileLedger::new_proposal() {
    int id = first_untried();
    while (fs::exists(run_files::proposal(proposal_directory(id)))) ++id;
    fs::create_directories(proposal_directory(id));  // or one whose agent was interrupted: it goes on there
    return id;
}

fs::path FileLedger::proposal_directory(int id) const {
    return run_files::proposal_directory(run_directory_, id);
}

void FileLedger::save_proposal(const Proposal& proposal) {
    const auto folder = proposal_directory(proposal.id);
    write_file_atomically(run_files::source(folder), proposal.source);
    write_file_atomically(run_files::idea(folder), clean_line(proposal.idea) + "\n");
    write_file_atomically(run_files::proposal(folder), dump_line(to_json(proposal)) + "\n");
}

void FileLedger::save_trial(int number, const TrialSpec& spec, const Trial& trial) {
    const fs::path file = run_files::finished_trials(directory(number));
    const Fd fd = open_own_file(file, O_WRONLY | O_CREAT | O_APPEND);
    write_all(fd.get(), dump_line({{"identity", identity(spec)}, {"trial", to_json(trial)}}) + "\n",
              file.string());
    flush_to_disk(fd.get(), file.string());
}

std::vector<Trial> FileLedger::saved_trials(int number, const TrialSpec& like) {
    const fs::path file = run_files::finished_trials(run_files::experiment_directory(run_directory_, number));
    const std::string text = try_read_file(file).value_or("");
    std::vector<Trial> trials;
    for (const std::string_view line : split_lines(text)) {
        const json saved = try_parse_json(line);  // a torn line: that trial is run again
        if (!saved.is_object() || saved.value("identity", json()) != identity(like)) continue;
        try {
            trials.push_back(trial_from_json(saved.at("trial")));
        } catch (const std::exception& error) {
            throw UserError(file.string() + " is damaged: " + error.what(),
                            "remove it: its trials are run again then");
        }
    }
    return trials;
}

std::optional<Proposal> FileLedger::saved_proposal() {
    for (int id = first_untried(); fs::exists(proposal_directory(id)); ++id) {
        const auto file = run_files::proposal(proposal_directory(id));
        const auto text = try_read_file(file);
        if (!text) continue;  // the agent was interrupted
        try {
            return proposal_from_json(parse_json(*text));
        } catch (const std::exception& error) {
            throw UserError(file.string() + " is damaged: " + error.what(),
                            "remove it; the agent will be asked again");
        }
    }
    return std::nullopt;
}

void FileLedger::trying(int id) {
    fault_mark_.reset();
    if (id != 0) fault_mark_.emplace(run_files::fault(proposal_directory(id)));
}

std::string FileLedger::fault(int id) const {
    return FaultMark::reason_in(run_files::fault(proposal_directory(id)));
}

void FileLedger::note_fault(const std::exception& error) const {
    if (fault_mark_) fault_mark_->leave(error);
}

}  // namespace autoresearch

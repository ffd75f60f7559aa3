#pragma once

#include <exception>
#include <functional>
#include <optional>

#include "contract/outside.h"
#include "record/fault_mark.h"
#include "util/fd.h"

namespace autoresearch {

/// Reads a run's ledger without changing it, also while the run goes on; a torn last line is left out.
/// No file is no experiment; UserError when it is damaged, or has lost experiments that have a folder.
std::vector<Experiment> read_ledger(const std::filesystem::path& run_directory);

/// ledger.jsonl: a version line, then one JSON line per experiment. A last line torn by a crash is cut off
/// when the ledger is opened; any other damage is a UserError that names file and line. Derived from it:
/// results.tsv (the originals' five columns), and what is in the folder of each experiment but for its logs.
/// Two of these on one directory are not safe: hold the run's lock.
class FileLedger final : public Ledger {
  public:
    /// The text of an experiment's patch.diff; empty: no file.
    using PatchOf = std::function<std::string(const Experiment&)>;

    /// Gets all experiments when the ledger is opened, and after each line.
    using Listener = std::function<void(const std::vector<Experiment>&)>;

    explicit FileLedger(std::filesystem::path run_directory, PatchOf patch_of = {}, Listener listener = {});

    const std::vector<Experiment>& experiments() const override { return experiments_; }
    void append(const Experiment& experiment) override;
    std::filesystem::path directory(int number) override;
    int new_proposal() override;
    std::filesystem::path proposal_directory(int id) const override;
    void save_proposal(const Proposal& proposal) override;
    std::optional<Proposal> saved_proposal() override;
    void trying(int id) override;
    std::string fault(int id) const override;
    /// An exception that ends the program.
    void note_fault(const std::exception& error) const;
    void save_trial(int number, const TrialSpec& spec, const Trial& trial) override;
    std::vector<Trial> saved_trials(int number, const TrialSpec& like) override;
    std::uintmax_t room() const override { return std::filesystem::space(run_directory_).available; }

  private:
    void write_line(const std::string& line);
    void write_derived(const Experiment& experiment);
    void write_results();
    int first_untried() const;

    std::filesystem::path run_directory_;
    PatchOf patch_of_;
    Listener listener_;
    Fd fd_;
    std::uintmax_t bytes_ = 0;  // of the file, if nobody else writes it
    std::vector<Experiment> experiments_;
    std::string results_;   // what results.tsv holds,
    std::size_t rows_ = 0;  // of so many experiments
    std::optional<FaultMark> fault_mark_;
};

}  // namespace autoresearch

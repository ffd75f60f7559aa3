#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "contract/experiment.h"
#include "contract/trial_spec.h"

// Where the loop stores its results, whom it reports to, and what it asks.
namespace autoresearch {

/// Bytes. With less the run ends, before a full disk loses what was found.
inline constexpr std::uintmax_t kLeastRoom = 1 << 30;

/// The source of truth about a run, on disk. Once append() returns, its record survives a kill -9 and a power
/// cut.
class Ledger {
  public:
    virtual ~Ledger() = default;
    /// Oldest first; numbers are 0, 1, 2, ... without gaps.
    virtual const std::vector<Experiment>& experiments() const = 0;
    virtual void append(const Experiment& experiment) = 0;

    /// experiments/NNNN of the run directory; created on demand.
    virtual std::filesystem::path directory(int number) = 0;

    /// The id of a new proposal, and its folder: proposals/ID.
    virtual int new_proposal() = 0;
    virtual std::filesystem::path proposal_directory(int id) const = 0;
    /// Saves a proposal before it is tried, so that an interruption does not lose the agent's work.
    virtual void save_proposal(const Proposal& proposal) = 0;
    /// The oldest of them that no experiment has tried to the end.
    virtual std::optional<Proposal> saved_proposal() = 0;
    /// This saved proposal is being tried from now on (0: none is): if the program ends by its own fault, the
    /// next start finds why.
    virtual void trying(int id) = 0;
    /// Why the program ended when it tried this proposal; empty if it did not.
    virtual std::string fault(int id) const = 0;

    /// Saves a finished trial before its verdict, so that a run killed again and again still makes progress.
    /// append() forgets its experiment's saved trials.
    virtual void save_trial(int number, const TrialSpec& spec, const Trial& trial) = 0;
    /// The trials saved for this experiment whose specs have the identity of `like`, whatever their seed.
    virtual std::vector<Trial> saved_trials(int number, const TrialSpec& like) = 0;

    /// Bytes that its disk still takes.
    virtual std::uintmax_t room() const = 0;
};

/// The run's part of the user's git repository. Never touches working tree, index, HEAD or other branches.
/// Every call throws std::runtime_error with libgit2's message when git itself fails.
class Repo {
  public:
    virtual ~Repo() = default;
    /// Writes the experiment's commit (tree of its parent with train/train.cpp replaced) and points
    /// refs/autoresearch/<tag>/NNNN at it, replacing an earlier one. Returns the commit id, 40 hex digits.
    virtual std::string commit(const Experiment& experiment, const std::string& source) = 0;
    /// Points branch autoresearch/<tag> at a kept commit: the branch is the lineage of the incumbent.
    virtual void advance(const std::string& commit) = 0;
    /// train/train.cpp as of that commit.
    virtual std::string source(const std::string& commit) = 0;
};

/// How far the current phase is.
struct Progress {
    double share = 0;       // in [0, 1]
    std::string detail;     // for a person
    std::int64_t step = 0;  // of a trial in training, as the rest; 0: something else is going on
    std::uint64_t seed = 0;
    double loss = 0;  // nats per token, of this step
    double tokens_per_second = 0;
};

/// What a person sees while the loop runs. For people only; programs read the ledger.
class Reporter {
  public:
    virtual ~Reporter() = default;
    /// A negative experiment means none: a trial by hand.
    virtual void phase(int experiment,
                       const std::string& what) = 0;  // "agent tuner", "build", "train, seed 1"
    virtual void progress(const Progress& now) = 0;
    virtual void finished(const Experiment& experiment) = 0;
    virtual void note(const std::string& line) = 0;
};

/// Whether the person asked to stop. Once: after the current experiment. Twice: now.
class StopRequest {
  public:
    virtual ~StopRequest() = default;
    virtual bool after_experiment() const = 0;
    virtual bool now() const = 0;
};

class Clock {
  public:
    virtual ~Clock() = default;
    virtual double seconds() const = 0;       // monotonic, arbitrary origin
    virtual double unix_seconds() const = 0;  // wall time; continues while the machine sleeps
    virtual std::string utc() const = 0;      // 2026-01-31T22:10:05Z
    virtual void sleep(double seconds) const = 0;
};

}  // namespace autoresearch

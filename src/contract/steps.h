#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "contract/experiment.h"
#include "contract/run_files.h"
#include "contract/trial_spec.h"

// The steps of an experiment, in the order of the loop. The loop borrows one of each.
namespace autoresearch {

using run_files::curve_file;

/// What a proposer may know. Its references are valid during the call.
struct ProposalRequest {
    int experiment;                          // the number of the experiment that will try it
    const Experiment& incumbent;             // best kept so far; its commit is the proposal's parent
    std::string source;                      // the incumbent's train.cpp
    const std::vector<Experiment>& history;  // all earlier experiments, oldest first
    std::filesystem::path directory;         // proposals/ID: prompt.md, agent.log and agent.err go here
    Noise noise = {};
    const Proposal* rejected = nullptr;  // the unusable answer to the same request ...
    const Failure* rejection = nullptr;  // ... and why it was rejected; null at first
    std::filesystem::path tried = {};    // experiments/NNNN of the rejected one, with its logs
};

/// What can help when an agent gave no edit.
enum class Remedy {
    ask_again,  // with the reason: it worked, and gave nothing useful
    wait,       // it failed, whatever for: an outage. The same question, later
    install,    // it could not even be started
};

/// The result of one agent call.
struct Answer {
    Proposal proposal;  // its report has the cost of the call, with or without an edit
    Status status;      // no_proposal or interrupted: there is no edit
    Remedy remedy = Remedy::ask_again;
    std::string said = {};               // the agent's last words
    int exit_code = -1;                  // -1: it had none
    std::set<std::string> removed = {};  // secrets, by name, whose values were taken out of all this
};

/// Asks for the next edit, or to repair the rejected one. Blocks until the agent is done.
class Proposer {
  public:
    virtual ~Proposer() = default;
    virtual Answer propose(const ProposalRequest& request) = 0;
};

/// Reviews a proposal before any of it is compiled: refuses it with a reason, or not.
class Guard {
  public:
    virtual ~Guard() = default;
    virtual Status review(const Proposal& proposal, const std::vector<Experiment>& history) = 0;
};

/// Compiles and links one train.cpp against the frozen prepare library. Writes train.cpp, build.log and the
/// program into `directory`; returns the program's path. A failure (build_failed, timed_out, interrupted) has
/// the first error line as its reason.
class Builder {
  public:
    virtual ~Builder() = default;
    virtual Result<std::filesystem::path> build(const std::string& source,
                                                const std::filesystem::path& directory) = 0;
};

/// A trial to run here: what it is, and where.
struct TrialRequest {
    TrialSpec spec;
    std::filesystem::path program;    // built from the spec's source
    std::filesystem::path directory;  // run.log, events.jsonl and curves go here
    bool first_step_only = false;     // ended early then: all that is asked is whether it gets there
    double reached = 0;               // steps per second that the same code reached before; 0: unknown
    std::vector<Trial>* void_trials = nullptr;  // receives those that the machine spoilt
};

/// A trial is void if it makes less than this share of the steps per second of another trial of the same
/// code, whatever else was measured.
inline constexpr double kLeastSpeed = 0.85;

/// Runs one trial in its own process group under the watchdog. Never throws for what the trainer does:
/// Trial::ending covers every way to end. Returns only when the whole group is gone.
class Runner {
  public:
    virtual ~Runner() = default;
    virtual Trial run(const TrialRequest& request) = 0;
};

/// The judge cannot tell yet: run the candidate, or the incumbent, once more with this seed.
struct MoreTrials {
    std::uint64_t seed = 0;
    bool of_incumbent = false;
};

/// Decides from numbers alone: no I/O, no clock. `incumbent` is null for the baseline. Called first with a
/// candidate without trials, to learn the first seed, then after every trial.
class Judge {
  public:
    virtual ~Judge() = default;
    virtual std::variant<MoreTrials, Verdict> judge(const Experiment* incumbent, const Experiment& candidate,
                                                    const std::vector<Experiment>& history) const = 0;
    /// The noise in the repeats of a run's experiments.
    virtual Noise noise(const std::vector<Experiment>& history) const = 0;
};

/// What trial curves, which are in the experiments' folders, add to the results.
class Curves {
  public:
    virtual ~Curves() = default;
    /// Stop thresholds for a trial with this seed that is about to run against the incumbent; empty if
    /// nothing ends it early.
    virtual std::vector<StopThreshold> early_end(const Experiment& incumbent, std::uint64_t seed,
                                                 const std::vector<Experiment>& history,
                                                 const Noise& noise) = 0;
    virtual EqualSteps at_equal_steps(const Experiment& incumbent, const Experiment& candidate) const = 0;
};

}  // namespace autoresearch

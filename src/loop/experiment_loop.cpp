#include "loop/experiment_loop.h"

#include <filesystem>

#include "util/hash.h"

namespace autoresearch {

ExperimentLoop::ExperimentLoop(const LoopParts& parts, const LoopSettings& settings)
    : parts_(parts), settings_(settings) {}

LoopEnd ExperimentLoop::run() {
    started_ = parts_.clock.seconds();
    follow_ledger();
    while (true) {
        if (const auto end = reason_to_end()) return *end;
        const int number = static_cast<int>(parts_.ledger.experiments().size());
        if (!attempt(number)) return baseline_failed_ ? LoopEnd::gave_up : LoopEnd::stopped;
    }
}

/// One experiment, every step in order. Nothing when it was interrupted (the proposal stays saved and is
/// tried again by the next run) or when the baseline itself does not work.
std::optional<Experiment> ExperimentLoop::attempt(int number) {
    const double begun = parts_.clock.seconds();
    Experiment experiment;
    experiment.number = number;
    experiment.started = parts_.clock.utc();

    Proposal proposal = starting_point(number);
    std::optional<Failure> failure = propose(proposal);
    experiment.parent = proposal.parent;
    experiment.idea = proposal.idea;
    experiment.agent = proposal.agent;
    experiment.source_hash = normalized_source_hash(proposal.source);
    if (!failure) failure = parts_.guard.review(proposal, parts_.ledger.experiments());
    if (!failure) failure = build_run_and_judge(proposal.source, experiment);

    if (failure && failure->ending == Ending::interrupted) return std::nullopt;
    if (failure) experiment.verdict = {Decision::crash, failure->ending, failure->reason, 0};
    if (failure && incumbent() == nullptr) {
        baseline_failed_ = true;
        parts_.reporter.note("the baseline does not work, so there is nothing to compare with: " +
                             failure->reason + " (logs: " + parts_.ledger.directory(0).string() + ")");
        return std::nullopt;
    }
    experiment.seconds = parts_.clock.seconds() - begun;
    record(experiment, proposal.source);
    return experiment;
}

/// What an experiment is before anybody changed anything: the incumbent's source, or the baseline.
Proposal ExperimentLoop::starting_point(int number) {
    Proposal proposal;
    proposal.experiment = number;
    if (const Experiment* best = incumbent()) {
        proposal.parent = best->commit;
        proposal.source = parts_.repo.source(best->commit);
    } else {
        proposal.parent = settings_.start_commit;
        proposal.source = settings_.start_source;
        proposal.idea = "baseline";
    }
    return proposal;
}

/// The baseline proposes itself. Later ones come from an interrupted run, or from the agent.
std::optional<Failure> ExperimentLoop::propose(Proposal& proposal) {
    const int number = proposal.experiment;
    const Experiment* best = incumbent();
    if (best == nullptr) return std::nullopt;
    if (auto saved = parts_.ledger.saved_proposal(number)) {
        proposal = *saved;
        return std::nullopt;
    }
    parts_.reporter.phase(number, "agent");
    const auto answer = parts_.proposer.propose(
        {number, *best, proposal.source, parts_.ledger.experiments(), parts_.ledger.directory(number)});
    if (!answer.ok()) {
        proposal.idea = "no proposal";
        return answer.failure();
    }
    proposal = answer.value();
    parts_.ledger.save_proposal(proposal);
    return std::nullopt;
}

std::optional<Failure> ExperimentLoop::build_run_and_judge(const std::string& source,
                                                           Experiment& experiment) {
    parts_.reporter.phase(experiment.number, "build");
    const double begun = parts_.clock.seconds();
    const auto program = parts_.builder.build(source, parts_.ledger.directory(experiment.number));
    experiment.build_seconds = parts_.clock.seconds() - begun;
    if (!program.ok()) return program.failure();
    auto failure = run_and_judge(program.value(), experiment);
    std::error_code ignored;  // the program is large and can be rebuilt from the commit
    std::filesystem::remove(program.value(), ignored);
    return failure;
}

/// Trials until the judge is sure. A trial that does not end well is the experiment's failure.
std::optional<Failure> ExperimentLoop::run_and_judge(const std::filesystem::path& program,
                                                     Experiment& experiment) {
    while (true) {
        const auto decision = parts_.judge.judge(incumbent(), experiment, parts_.ledger.experiments());
        if (const auto* verdict = std::get_if<Verdict>(&decision)) {
            experiment.verdict = *verdict;
            return std::nullopt;
        }
        const auto seed = std::get<MoreTrials>(decision).seed;
        parts_.reporter.phase(experiment.number, "train, seed " + std::to_string(seed));
        const Trial trial =
            parts_.runner.run({program, parts_.ledger.directory(experiment.number), seed, settings_.budget});
        experiment.trials.push_back(trial);
        if (trial.ending != Ending::ok) return Failure{trial.ending, trial.reason};
    }
}

/// Order matters for a kill at any point: the commit first (harmless without a ledger line: it is made
/// again), then the ledger, which is the truth, then the branch, which follow_ledger() can always move again.
void ExperimentLoop::record(Experiment& experiment, const std::string& source) {
    experiment.commit = parts_.repo.commit(experiment, source);
    parts_.ledger.append(experiment);
    if (experiment.verdict.decision == Decision::keep) parts_.repo.advance(experiment.commit);
    const bool unusable =
        experiment.verdict.ending == Ending::no_proposal || experiment.verdict.ending == Ending::refused;
    failed_proposals_ = unusable ? failed_proposals_ + 1 : 0;
    parts_.reporter.finished(experiment);
}

void ExperimentLoop::follow_ledger() {
    if (const Experiment* best = incumbent()) parts_.repo.advance(best->commit);
}

std::optional<LoopEnd> ExperimentLoop::reason_to_end() const {
    if (parts_.stop.now() || parts_.stop.after_experiment()) return LoopEnd::stopped;
    const int tried = static_cast<int>(parts_.ledger.experiments().size()) - 1;
    if (settings_.experiments > 0 && tried >= settings_.experiments) return LoopEnd::done;
    const double hours = (parts_.clock.seconds() - started_) / 3600;
    if (settings_.hours > 0 && hours >= settings_.hours) return LoopEnd::done;
    if (settings_.max_failures > 0 && failed_proposals_ >= settings_.max_failures) {
        parts_.reporter.note(std::to_string(failed_proposals_) +
                             " proposals in a row could not be used; the last: " +
                             parts_.ledger.experiments().back().verdict.reason);
        return LoopEnd::gave_up;
    }
    return std::nullopt;
}

const Experiment* ExperimentLoop::incumbent() const {
    return incumbent_of(parts_.ledger.experiments());
}

}  // namespace autoresearch

#include "loop/experiment_loop.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

#include "loop/trial_rounds.h"
#include "util/hash.h"

namespace autoresearch {
namespace {

constexpr double kFirstSeconds = 30;  // a trial that crashes sooner has cost too little to count
constexpr double kFirstWait = 60;     // for an agent that does not say how long; doubled each time
constexpr double kLongestWait = 3600;
constexpr int kMostWaits = 12;         // such waits in a row: seven hours
constexpr double kStopInterval = 0.2;  // how late a stop request may be seen

void describe(const Proposal& proposal, Experiment& experiment) {
    experiment.parent = proposal.parent;
    experiment.idea = proposal.idea;
    experiment.agent = proposal.agent;
    experiment.source_hash = normalized_source_hash(proposal.source);
    experiment.source_tokens = count_source_tokens(proposal.source);
}

}  // namespace

ExperimentLoop::ExperimentLoop(const LoopParts& parts, const LoopSettings& settings)
    : parts_(parts), settings_(settings) {}

LoopEnd ExperimentLoop::run() {
    started_ = parts_.clock.seconds();
    if (const Experiment* best = incumbent()) parts_.repo.advance(best->commit);
    while (true) {
        const auto end = reason_to_end();
        if (end == LoopEnd::gave_up)
            parts_.reporter.note(
                fmt::format("{} answers of the agent in a row could not be used; the last: {}",
                            useless_answers_, parts_.ledger.experiments().back().verdict.reason));
        if (end) return *end;
        if (!attempt(static_cast<int>(parts_.ledger.experiments().size()))) return end_;
    }
}

/// One experiment, every step in order. False when the run ends instead: it was interrupted (the proposal
/// stays saved and is tried again by the next run), the agent is of no use, or the baseline does not work.
bool ExperimentLoop::attempt(int number) {
    const double begun = parts_.clock.seconds();
    Experiment experiment;
    experiment.number = number;
    experiment.started = parts_.clock.utc();

    Proposal proposal;
    proposal.experiment = number;
    std::optional<Failure> failure = propose(proposal);
    if (!failure) failure = try_out(proposal, experiment);
    for (int round = 1; failure && round <= settings_.config.repairs && can_mend(*failure, experiment);
         ++round) {
        const Failure rejection = *failure;
        parts_.reporter.note(fmt::format("experiment {}: {}; back to the agent ({} of {})", number,
                                         rejection.reason, round, settings_.config.repairs));
        failure = ask(proposal, &rejection);
        if (!failure) {
            failure = try_out(proposal, experiment);
        } else if (failure->ending == Ending::no_proposal) {
            failure = rejection;  // which says more than that the agent did not mend it
        }
    }

    if (failure && failure->ending == Ending::interrupted) return false;
    if (failure) experiment.verdict = {Decision::crash, failure->ending, failure->reason, 0};
    if (failure && incumbent() == nullptr) {
        end_ = LoopEnd::gave_up;
        parts_.reporter.note(
            fmt::format("the baseline does not work, so there is nothing to compare with: {} (logs: {})",
                        failure->reason, parts_.ledger.directory(0).string()));
        return false;
    }
    describe(proposal, experiment);
    experiment.seconds = parts_.clock.seconds() - begun;
    // Order matters for a kill at any point: the commit first (harmless without a ledger line: it is made
    // again), then the ledger, which is the truth, then the branch, which the next run() can always move
    // again.
    experiment.commit = parts_.repo.commit(experiment, proposal.source);
    parts_.ledger.append(experiment);
    if (experiment.verdict.decision == Decision::keep) parts_.repo.advance(experiment.commit);
    parts_.reporter.finished(experiment);
    return true;
}

/// The baseline proposes itself. Later ones come from an interrupted run, or from the agent.
std::optional<Failure> ExperimentLoop::propose(Proposal& proposal) {
    const Experiment* best = incumbent();
    if (best == nullptr) {
        proposal.parent = settings_.start_commit;
        proposal.source = settings_.start_source;
        proposal.idea = "baseline";
        return std::nullopt;
    }
    if (auto saved = parts_.ledger.saved_proposal(proposal.experiment)) {
        proposal = *saved;
        return std::nullopt;
    }
    proposal.parent = best->commit;  // what is recorded if there is no edit
    proposal.source = parts_.repo.source(best->commit);
    proposal.idea = "no proposal";
    return ask(proposal, nullptr);
}

/// One edit of the agent's, or why there is none; waits where the agent only needs time. `proposal` is what
/// is rejected and becomes the new one; without an edit it stays, but for what the calls cost.
std::optional<Failure> ExperimentLoop::ask(Proposal& proposal, const Failure* rejection) {
    const int number = proposal.experiment;
    while (true) {
        parts_.reporter.phase(number, rejection == nullptr ? "agent" : "agent, once more");
        const std::string source = parts_.repo.source(incumbent()->commit);
        Answer answer = parts_.proposer.propose({number, *incumbent(), source, parts_.ledger.experiments(),
                                                 parts_.ledger.directory(number),
                                                 parts_.judge.noise(parts_.ledger.experiments()),
                                                 rejection == nullptr ? nullptr : &proposal, rejection});
        add_cost(answer.proposal.agent, proposal.agent);
        if (!answer.failure) {
            proposal = std::move(answer.proposal);
            agent_works_ = true;
            waits_ = 0;
            parts_.ledger.save_proposal(proposal);
            return std::nullopt;
        }
        proposal.agent = std::move(answer.proposal.agent);
        if (answer.failure->ending == Ending::interrupted) return answer.failure;
        if (answer.remedy == Remedy::ask_again) {
            ++useless_answers_;
            return answer.failure;
        }
        if (!wait_for_agent(answer, answer.failure->reason))
            return Failure{Ending::interrupted, answer.failure->reason};
    }
}

/// False when the run ends before the agent can be asked again.
bool ExperimentLoop::wait_for_agent(const Answer& answer, const std::string& reason) {
    // A login that worked before may come back, as a server may.
    const bool in_vain = answer.remedy == Remedy::person && !agent_works_;
    if (in_vain || (answer.wait <= 0 && waits_ == kMostWaits)) {
        parts_.reporter.note("the agent cannot work: " + reason);
        end_ = LoopEnd::gave_up;
        return false;
    }
    const double back_off = std::min(kFirstWait * std::pow(2, waits_), kLongestWait);
    const double seconds = answer.wait > 0 ? answer.wait : back_off;
    waits_ = answer.wait > 0 ? 0 : waits_ + 1;
    parts_.reporter.note(seconds < 120 ? fmt::format("{}; asking again in {:.0f} s", reason, seconds)
                                       : fmt::format("{}; asking again in {:.0f} min", reason, seconds / 60));
    for (const double until = parts_.clock.unix_seconds() + seconds; parts_.clock.unix_seconds() < until;) {
        if (const auto end = reason_to_end()) {
            end_ = *end;
            return false;
        }
        parts_.clock.sleep(kStopInterval);
    }
    return true;
}

/// Whether the agent gets its edit back: it can do something about the failure, and little time was lost.
bool ExperimentLoop::can_mend(const Failure& failure, const Experiment& experiment) const {
    if (incumbent() == nullptr || reason_to_end()) return false;
    if (failure.ending == Ending::interrupted || failure.ending == Ending::timed_out) return false;
    return experiment.trials.empty() ||
           (experiment.trials.size() == 1 && experiment.trials[0].wall_seconds < kFirstSeconds);
}

/// Guard, build, trials, verdict.
std::optional<Failure> ExperimentLoop::try_out(const Proposal& proposal, Experiment& experiment) {
    describe(proposal, experiment);
    experiment.trials.clear();
    experiment.reference_trials.clear();
    auto failure = parts_.guard.review(proposal, parts_.ledger.experiments());
    useless_answers_ = failure ? useless_answers_ + 1 : 0;
    if (failure) return failure;

    parts_.reporter.phase(experiment.number, "build");
    const double begun = parts_.clock.seconds();
    const auto program = parts_.builder.build(proposal.source, parts_.ledger.directory(experiment.number));
    experiment.build_seconds += parts_.clock.seconds() - begun;
    if (!program.ok()) return program.failure();
    return run_trials(parts_, settings_.config, program.value(), incumbent(), experiment);
}

std::optional<LoopEnd> ExperimentLoop::reason_to_end() const {
    if (parts_.stop.now() || parts_.stop.after_experiment()) return LoopEnd::stopped;
    const Settings& bounds = settings_.config;
    const auto reached = [](auto value, auto bound) { return bound > 0 && value >= bound; };
    AgentReport spent;
    for (const Experiment& experiment : parts_.ledger.experiments()) add_cost(spent, experiment.agent);
    if (reached(static_cast<int>(parts_.ledger.experiments().size()) - 1, bounds.experiments) ||
        reached((parts_.clock.seconds() - started_) / 3600, bounds.hours) ||
        reached(parts_.clock.unix_seconds(), settings_.until) || reached(spent.usd, bounds.max_cost) ||
        reached(spent.tokens, bounds.max_tokens))
        return LoopEnd::done;
    if (reached(useless_answers_, bounds.max_failures)) return LoopEnd::gave_up;
    return std::nullopt;
}

const Experiment* ExperimentLoop::incumbent() const {
    return incumbent_of(parts_.ledger.experiments());
}

}  // namespace autoresearch

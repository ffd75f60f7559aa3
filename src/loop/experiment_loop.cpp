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
    experiment.proposal = proposal.id;
    experiment.ran_on = proposal.parent;
    experiment.idea = proposal.idea;
    experiment.agent = proposal.agent;
    experiment.source_hash = normalized_source_hash(proposal.source);
    experiment.source_tokens = count_source_tokens(proposal.source);
}

}  // namespace

/// One experiment in the making.
struct ExperimentLoop::Attempt {
    Experiment experiment;
    Proposal proposal;
    std::filesystem::path program;
    std::optional<Failure> rejection;  // why the agent has its edit back
    int repairs = 0;                   // how often it got it back
    std::optional<LoopEnd> end;        // of the run, in the middle of this experiment
};

ExperimentLoop::ExperimentLoop(const Steps& steps, const World& world, const LoopSettings& settings)
    : steps_(steps), world_(world), settings_(settings) {}

LoopEnd ExperimentLoop::run() {
    started_ = world_.clock.seconds();
    if (const Experiment* best = incumbent()) world_.repo.advance(best->commit);
    while (true) {
        const auto end = reason_to_end();
        if (end == LoopEnd::gave_up)
            world_.reporter.note(
                fmt::format("{} answers of the agent in a row could not be used; the last: {}",
                            useless_answers_, history().back().verdict.reason));
        if (end) return *end;
        if (const auto ended = attempt(static_cast<int>(history().size()))) return *ended;
    }
}

/// One experiment, every step in order; repairs go round once more. Returns why the run ends instead of going
/// on: it was interrupted (the proposal stays saved and is tried again by the next run), the agent is of no
/// use, or the baseline does not work.
std::optional<LoopEnd> ExperimentLoop::attempt(int number) {
    const double begun = world_.clock.seconds();
    Attempt now;
    now.experiment.number = number;
    now.experiment.started = world_.clock.utc();
    Status status;
    do {
        status = propose(now);
        if (status.ok()) status = guard(now);
        if (status.ok()) status = build(now);
        if (status.ok()) status = run_and_judge(now);
    } while (goes_back(now, status));

    if (now.end) return now.end;
    if (status.ending() == Ending::interrupted) return LoopEnd::stopped;
    if (!status.ok() && incumbent() == nullptr) {
        world_.reporter.note(
            fmt::format("the baseline does not work, so there is nothing to compare with: {} (logs: {})",
                        status.failure().reason, world_.ledger.directory(0).string()));
        return LoopEnd::gave_up;
    }
    if (!status.ok())
        now.experiment.verdict = {Decision::crash, status.failure().ending, status.failure().reason, {}};
    now.experiment.seconds = world_.clock.seconds() - begun;
    record(now);
    return std::nullopt;
}

/// The baseline proposes itself. Later ones come from an interrupted run, or from the agent.
Status ExperimentLoop::propose(Attempt& now) {
    Proposal& proposal = now.proposal;
    const Experiment* best = incumbent();
    if (best == nullptr) {
        proposal.parent = settings_.start_commit;
        proposal.source = settings_.start_source;
        proposal.idea = "baseline";
        return {};
    }
    if (now.rejection) return ask(now);
    if (auto saved = world_.ledger.saved_proposal()) {
        proposal = *saved;
        return {};
    }
    proposal.id = world_.ledger.new_proposal();
    proposal.parent = best->commit;  // what is recorded if there is no edit
    proposal.source = world_.repo.source(best->commit);
    proposal.idea = "no proposal";
    return ask(now);
}

Status ExperimentLoop::guard(Attempt& now) {
    describe(now.proposal, now.experiment);
    now.experiment.trials.clear();
    now.experiment.reference_trials.clear();
    Status status = steps_.guard.review(now.proposal, history());
    useless_answers_ = status.ok() ? 0 : useless_answers_ + 1;
    return status;
}

Status ExperimentLoop::build(Attempt& now) {
    const int number = now.experiment.number;
    world_.reporter.phase(number, "build");
    const double begun = world_.clock.seconds();
    const auto program = steps_.builder.build(now.proposal.source, world_.ledger.directory(number));
    now.experiment.build_seconds += world_.clock.seconds() - begun;
    if (!program.ok()) return program.failure();
    now.program = program.value();
    return {};
}

Status ExperimentLoop::run_and_judge(Attempt& now) {
    return run_trials(steps_, world_, settings_, now.proposal.source, now.program, incumbent(),
                      now.experiment);
}

/// Order matters for a kill at any point: the commit first (harmless without a ledger line: it is made
/// again), then the ledger, which is the truth, then the branch, which the next run() can always move again.
void ExperimentLoop::record(Attempt& now) {
    Experiment& experiment = now.experiment;
    describe(now.proposal, experiment);
    experiment.commit = world_.repo.commit(experiment, now.proposal.source);
    world_.ledger.append(experiment);
    if (experiment.verdict.decision == Decision::keep) world_.repo.advance(experiment.commit);
    world_.reporter.finished(experiment);
}

/// Whether the agent gets its edit back: it can do something about the failure, and little time was lost.
bool ExperimentLoop::goes_back(Attempt& now, Status& status) {
    if (now.rejection && status.ending() == Ending::no_proposal)
        status = *now.rejection;  // which says more than that the agent did not repair it
    if (status.ok() || now.end || now.repairs == settings_.config.repairs) return false;
    if (incumbent() == nullptr || reason_to_end()) return false;
    const Failure& failure = status.failure();
    if (failure.ending == Ending::interrupted || failure.ending == Ending::timed_out) return false;
    const auto& trials = now.experiment.trials;
    if (trials.size() > 1 || (trials.size() == 1 && trials[0].wall_seconds >= kFirstSeconds)) return false;
    now.rejection = failure;
    world_.reporter.note(fmt::format("experiment {}: {}; back to the agent ({} of {})", now.experiment.number,
                                     failure.reason, ++now.repairs, settings_.config.repairs));
    return true;
}

/// One edit of the agent's, or why there is none; waits where the agent only needs time. The proposal is what
/// is rejected and becomes the new one; without an edit it stays, but for what the calls cost.
Status ExperimentLoop::ask(Attempt& now) {
    Proposal& proposal = now.proposal;
    const int number = now.experiment.number, id = proposal.id;
    const Failure* rejection = now.rejection ? &*now.rejection : nullptr;
    ProposalRequest request{number,
                            *incumbent(),
                            world_.repo.source(incumbent()->commit),
                            history(),
                            world_.ledger.proposal_directory(id),
                            steps_.judge.noise(history())};
    if (rejection != nullptr) {
        request.rejected = &proposal;
        request.rejection = rejection;
        request.tried = world_.ledger.directory(number);
    }
    while (true) {
        world_.reporter.phase(number, rejection == nullptr ? "agent" : "agent, once more");
        Answer answer = steps_.proposer.propose(request);
        add_cost(answer.proposal.agent, proposal.agent);
        if (answer.status.ok()) {
            proposal = std::move(answer.proposal);
            proposal.id = id;
            agent_works_ = true;
            waits_ = 0;
            world_.ledger.save_proposal(proposal);
            return {};
        }
        proposal.agent = std::move(answer.proposal.agent);
        if (answer.status.ending() == Ending::interrupted) return answer.status;
        if (answer.remedy == Remedy::ask_again) {
            ++useless_answers_;
            return answer.status;
        }
        now.end = wait_for_agent(answer);
        if (now.end) return answer.status;
    }
}

/// Why the run ends before the agent can be asked again; nothing when it can.
std::optional<LoopEnd> ExperimentLoop::wait_for_agent(const Answer& answer) {
    const std::string& reason = answer.status.failure().reason;
    // A login that worked before may come back, as a server may.
    const bool in_vain = answer.remedy == Remedy::person && !agent_works_;
    if (in_vain || (answer.wait <= 0 && waits_ == kMostWaits)) {
        world_.reporter.note("the agent cannot work: " + reason);
        return LoopEnd::gave_up;
    }
    const double back_off = std::min(kFirstWait * std::pow(2, waits_), kLongestWait);
    const double seconds = answer.wait > 0 ? answer.wait : back_off;
    waits_ = answer.wait > 0 ? 0 : waits_ + 1;
    world_.reporter.note(seconds < 120 ? fmt::format("{}; asking again in {:.0f} s", reason, seconds)
                                       : fmt::format("{}; asking again in {:.0f} min", reason, seconds / 60));
    for (const double until = world_.clock.unix_seconds() + seconds; world_.clock.unix_seconds() < until;) {
        if (const auto end = reason_to_end()) return end;
        world_.clock.sleep(kStopInterval);
    }
    return std::nullopt;
}

std::optional<LoopEnd> ExperimentLoop::reason_to_end() const {
    if (world_.stop.now() || world_.stop.after_experiment()) return LoopEnd::stopped;
    const Settings& bounds = settings_.config;
    const auto reached = [](auto value, auto bound) { return bound > 0 && value >= bound; };
    AgentReport spent;
    for (const Experiment& experiment : history()) add_cost(spent, experiment.agent);
    if (reached(static_cast<int>(history().size()) - 1, bounds.experiments) ||
        reached((world_.clock.seconds() - started_) / 3600, bounds.hours) ||
        reached(world_.clock.unix_seconds(), settings_.until) || reached(spent.usd, bounds.max_cost) ||
        reached(spent.tokens, bounds.max_tokens))
        return LoopEnd::done;
    if (reached(useless_answers_, bounds.max_failures)) return LoopEnd::gave_up;
    return std::nullopt;
}

}  // namespace autoresearch

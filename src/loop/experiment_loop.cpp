#include "loop/experiment_loop.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "loop/trial_rounds.h"
#include "util/hash.h"

namespace autoresearch {
namespace {

constexpr double kFirstSeconds = 30;  // a trial that crashes sooner has cost too little to count

void describe(const Proposal& proposal, Experiment& experiment) {
    experiment.proposal = proposal.id;
    experiment.ran_on = proposal.parent;
    experiment.idea = proposal.idea;
    experiment.agent = proposal.agent;
    experiment.source_hash = normalized_source_hash(proposal.source);
    experiment.source_tokens = count_source_tokens(proposal.source);
}

}  // namespace

ExperimentLoop::ExperimentLoop(const Steps& steps, const World& world, const LoopSettings& settings)
    : steps_(steps), world_(world), settings_(settings) {}

LoopEnd ExperimentLoop::run() {
    started_ = world_.clock.seconds();
    earlier_ = history().size();
    if (const Experiment* best = incumbent()) world_.repo.advance(best->commit);
    while (true) {
        const auto end = reason_to_end();
        if (end == LoopEnd::gave_up)
            world_.reporter.note(
                fmt::format("{} answers of the agent in a row could not be used; the last: {}",
                            useless_answers_, history().back().verdict.reason));
        if (end == LoopEnd::done) world_.reporter.note("the run ends: " + bound_reached({}));
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
    now.experiment.box = settings_.config.box;
    Status status;
    do {
        status = propose(now);
        if (status.ok()) world_.ledger.trying(now.proposal.id);
        if (status.ok()) status = guard(now);
        if (status.ok()) status = build(now);
        if (status.ok()) status = run_and_judge(now);
    } while (goes_back(now, status));
    world_.ledger.trying(0);

    if (now.end) return now.end;
    if (status.ending() == Ending::interrupted) return LoopEnd::stopped;
    if (status.ending() == Ending::machine)
        return wait_for_machine(status.failure().reason, now.proposal.agent);
    machine_waits_ = 0;
    if (!status.ok() && incumbent() == nullptr) {
        world_.reporter.note(
            fmt::format("the baseline trial failed, so nothing can be compared: {} (logs: {})",
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
        const std::string fault = world_.ledger.fault(proposal.id);
        if (fault.empty()) return {};
        now.repairs = settings_.config.repairs;  // no agent would know what to repair
        return Failure{Ending::crashed, "autoresearch itself ended while it was tried: " + fault};
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
    if (!program.ok()) return blame(program.failure(), now);
    now.program = program.value();
    return {};
}

/// A build that does not fail for a line of train.cpp may fail for the machine: the disk is full, the
/// compiler gone. Then the incumbent does not build either.
Status ExperimentLoop::blame(const Failure& failure, const Attempt& now) {
    const bool of_source = failure.reason.find("train.cpp:") != std::string::npos;
    if (failure.ending != Ending::build_failed || of_source || incumbent() == nullptr) return failure;
    const Status machine =
        look_at_machine(steps_, world_, settings_.spec, *incumbent(), now.experiment.number);
    return machine.ok() ? Status(failure) : machine;
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
    if (incumbent() == nullptr || reason_to_end(now.proposal.agent)) return false;
    const Failure& failure = status.failure();
    if (failure.ending == Ending::interrupted || failure.ending == Ending::machine ||
        failure.ending == Ending::timed_out)
        return false;
    const auto& trials = now.experiment.trials;
    if (trials.size() > 1 || (trials.size() == 1 && trials[0].wall_seconds >= kFirstSeconds)) return false;
    now.rejection = failure;
    world_.reporter.note(fmt::format("experiment {}: {}; back to the agent ({} of {})", now.experiment.number,
                                     failure.reason, ++now.repairs, settings_.config.repairs));
    return true;
}

}  // namespace autoresearch

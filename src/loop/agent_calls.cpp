// Asking the agent, waiting for it, and what it may cost.

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "loop/experiment_loop.h"

namespace autoresearch {
namespace {

constexpr double kFirstWait = 60;  // seconds; doubled each time
constexpr double kLongestWait = 20 * 60;
constexpr double kPatience = 30 * 60;  // in all, with an agent that never worked in this run
constexpr double kStopInterval = 0.2;  // how late a stop request may be seen

/// What a call cost in these experiments, oldest first, where it is known.
template <class Number>
std::vector<double> prices(const std::vector<Experiment>& experiments, Number AgentReport::* cost,
                           const std::string& agent = "") {
    std::vector<double> all;
    for (const Experiment& one : experiments)
        if (one.agent.*cost > 0 && (agent.empty() || one.agent.name == agent))
            all.push_back(static_cast<double>(one.agent.*cost) / std::max(1, one.agent.calls));
    return all;
}

/// 0: none is known.
double median(std::vector<double> all) {
    if (all.empty()) return 0;
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    return *middle;
}

/// Whether a call told nothing of a cost that earlier ones told: it gets the price of the last of them.
/// `so_far` is the cost of the same experiment's other calls.
template <class Number>
bool fill_in(AgentReport& call, const AgentReport& so_far, const std::vector<Experiment>& history,
             Number AgentReport::* cost) {
    if (call.*cost > 0) return false;
    auto known = prices(history, cost, call.name);
    if (so_far.*cost > 0) known.push_back(static_cast<double>(so_far.*cost) / std::max(1, so_far.calls));
    if (!known.empty()) call.*cost = static_cast<Number>(known.back());
    return call.*cost > 0;
}

}  // namespace

/// One edit of the agent's, or why there is none; waits for the end of an outage. The proposal is what is
/// rejected and becomes the new one; without an edit it stays, but for what the calls cost.
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
        const bool worked = answer.status.ok() || answer.remedy == Remedy::ask_again;
        const bool interrupted = answer.status.ending() == Ending::interrupted;
        if (worked && !interrupted) count_cost(answer.proposal.agent, proposal.agent);
        add_cost(answer.proposal.agent, proposal.agent);
        if (answer.status.ok()) {
            proposal = std::move(answer.proposal);
            proposal.id = id;
            world_.ledger.save_proposal(proposal);
        } else {
            proposal.agent = std::move(answer.proposal.agent);
        }
        if (interrupted) return answer.status;
        if (worked) {
            if (!answer.status.ok()) ++useless_answers_;
            agent_worked_ = true;
            waits_ = 0;
            return answer.status;
        }
        now.end = wait_for_agent(answer, proposal.agent);
        if (now.end) return answer.status;
    }
}

/// A cap must not be blind: what a call does not tell is counted, and said once until it is told again.
void ExperimentLoop::count_cost(AgentReport& call, const AgentReport& so_far) {
    const bool no_tokens = fill_in(call, so_far, history(), &AgentReport::tokens);
    const bool no_price = fill_in(call, so_far, history(), &AgentReport::usd);
    call.usd_is_estimate = call.usd_is_estimate || no_price;
    const Settings& bounds = settings_.config;
    const bool uncounted =
        (bounds.max_cost > 0 && call.usd <= 0) || (bounds.max_tokens > 0 && call.tokens <= 0);
    const bool told_before = cost_is_told_;
    cost_is_told_ = !no_tokens && !no_price && !uncounted;
    if (cost_is_told_ || !told_before) return;
    const std::string price =
        no_price ? fmt::format("${:.2f}", call.usd) : fmt::format("{} tokens", call.tokens);
    world_.reporter.note("the agent did not tell what its call cost: " +
                         (uncounted ? "no cap can count it" : "it is counted as the last one, " + price));
}

/// An earlier start counts too: an outage never makes an experiment.
bool ExperimentLoop::agent_worked(const std::string& name) const {
    return agent_worked_ || std::any_of(history().begin(), history().end(), [&](const Experiment& one) {
               return one.number > 0 && one.agent.name == name;
           });
}

/// Why the run ends before the agent can be asked again; nothing when it can. No words of an agent say
/// reliably when its outage is over, so it is asked again and again. One that worked will work again; another
/// may need a person.
std::optional<LoopEnd> ExperimentLoop::wait_for_agent(const Answer& answer, const AgentReport& spent) {
    const std::string& reason = answer.status.failure().reason;
    const double begun = world_.clock.seconds();
    if (waits_ == 0) outage_begun_ = begun;
    double patience = std::numeric_limits<double>::infinity();
    if (!agent_worked(spent.name))
        patience = answer.remedy == Remedy::install ? 0 : kPatience - (begun - outage_begun_);
    if (patience <= 0) {
        world_.reporter.note("the agent cannot work: " + reason);
        return LoopEnd::gave_up;
    }
    const double seconds = std::min({kFirstWait * std::pow(2, waits_++), kLongestWait, patience});
    world_.reporter.note(seconds < 120 ? fmt::format("{}; asking again in {:.0f} s", reason, seconds)
                                       : fmt::format("{}; asking again in {:.0f} min", reason, seconds / 60));
    for (double left = seconds; left > 0; left = begun + seconds - world_.clock.seconds()) {
        if (const auto end = reason_to_end(spent)) return end;
        const int rest = static_cast<int>(std::ceil(left));
        world_.reporter.progress(1 - left / seconds,
                                 fmt::format("asking again in {}:{:02}", rest / 60, rest % 60));
        world_.clock.sleep(kStopInterval);
    }
    return std::nullopt;
}

/// `unrecorded`: what the current experiment has cost so far.
std::optional<LoopEnd> ExperimentLoop::reason_to_end(const AgentReport& unrecorded) const {
    if (world_.stop.now() || world_.stop.after_experiment()) return LoopEnd::stopped;
    const Settings& bounds = settings_.config;
    const auto reached = [](auto value, auto bound) { return bound > 0 && value >= bound; };
    if (reached(static_cast<int>(history().size()) - 1, bounds.experiments) ||
        reached((world_.clock.seconds() - started_) / 3600, bounds.hours) ||
        reached(world_.clock.unix_seconds(), settings_.until) || !cap_reached(unrecorded).empty())
        return LoopEnd::done;
    if (reached(useless_answers_, bounds.max_failures)) return LoopEnd::gave_up;
    return std::nullopt;
}

/// Which cap allows no other call at the usual cost, in words for a person; empty if none.
std::string ExperimentLoop::cap_reached(AgentReport spent) const {
    const Settings& bounds = settings_.config;
    for (const Experiment& experiment : history()) add_cost(spent, experiment.agent);
    const auto passed = [](double so_far, double one_more, double cap) {
        return cap > 0 && (so_far >= cap || so_far + one_more > cap);
    };
    const double usd = median(prices(history(), &AgentReport::usd));
    if (passed(spent.usd, usd, bounds.max_cost))
        return fmt::format("--max-cost {:g}: the agent has cost ${:.2f}, and a call costs about ${:.2f}",
                           bounds.max_cost, spent.usd, usd);
    const double tokens = median(prices(history(), &AgentReport::tokens));
    if (passed(static_cast<double>(spent.tokens), tokens, static_cast<double>(bounds.max_tokens)))
        return fmt::format("--max-tokens {}: the agent has used {}, and a call uses about {:.0f}",
                           bounds.max_tokens, spent.tokens, tokens);
    return "";
}

}  // namespace autoresearch

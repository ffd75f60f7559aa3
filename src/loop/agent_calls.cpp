// Asking the agent, waiting for it or for the machine, and what a run may cost.

#include <spdlog/fmt/ranges.h>

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

double back_off(int earlier) {
    return std::min(kFirstWait * std::pow(2, earlier), kLongestWait);
}

/// 0: none is known.
double median(std::vector<double> all) {
    if (all.empty()) return 0;
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    return *middle;
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
        world_.reporter.phase(number, rejection == nullptr ? "agent" : "asking the agent again");
        Answer answer = steps_.proposer.propose(request);
        tell_removed(answer, now);
        const bool worked = answer.status.ok() || answer.remedy == Remedy::ask_again;
        const bool interrupted = answer.status.ending() == Ending::interrupted;
        if (worked && !interrupted) count_cost(answer.proposal.agent);
        calls_.push_back(answer.proposal.agent);
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

/// Once for each secret.
void ExperimentLoop::tell_removed(const Answer& answer, Attempt& now) {
    std::vector<std::string> news;
    for (const std::string& name : answer.removed)
        if (now.removed.insert(name).second) news.push_back(name);
    if (!news.empty())
        world_.reporter.note(
            fmt::format("experiment {}: removed the value of {} from what the agent was told or wrote",
                        now.experiment.number, fmt::join(news, ", ")));
}

/// What calls cost, oldest first, where it is known: means of earlier starts' experiments, then single ones.
template <class Number>
std::vector<double> ExperimentLoop::prices(Number AgentReport::* cost, const std::string& agent) const {
    std::vector<double> all;
    const auto add = [&](const AgentReport& report) {
        if (report.*cost > 0 && (agent.empty() || report.name == agent))
            all.push_back(static_cast<double>(report.*cost) / std::max(1, report.calls));
    };
    for (std::size_t i = 0; i < earlier_; ++i) add(history()[i].agent);
    for (const AgentReport& call : calls_) add(call);
    return all;
}

/// A cap must not be blind: what a call that worked does not tell is counted as the last one that did, and is
/// said when it begins.
void ExperimentLoop::count_cost(AgentReport& call) {
    std::string guess;
    if (const auto known = prices(&AgentReport::usd, call.name); call.usd <= 0 && !known.empty()) {
        call.usd = known.back();
        call.usd_is_estimate = true;
        guess = fmt::format("it is counted as the last one, ${:.2f}", call.usd);
    }
    if (const auto known = prices(&AgentReport::tokens, call.name); call.tokens <= 0 && !known.empty()) {
        call.tokens = static_cast<std::int64_t>(known.back());
        guess += (guess.empty() ? "it is counted as the last one, " : " and ") +
                 fmt::format("{} tokens", call.tokens);
    }
    const Settings& bounds = settings_.config;
    if ((bounds.max_cost > 0 && call.usd <= 0) || (bounds.max_tokens > 0 && call.tokens <= 0))
        guess = "no cap can count it";
    if (!guess.empty() && guess != guess_)
        world_.reporter.note("the agent did not tell what its call cost: " + guess);
    guess_ = guess;
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
    return wait(reason, "asking", std::min(back_off(waits_++), patience), spent);
}

/// Nothing is recorded: the same proposal is tried again, by this run or the next.
std::optional<LoopEnd> ExperimentLoop::wait_for_machine(const std::string& reason, const AgentReport& spent) {
    return wait(reason, "trying", back_off(machine_waits_++), spent);
}

std::optional<LoopEnd> ExperimentLoop::wait(const std::string& reason, const char* what, double seconds,
                                            const AgentReport& spent) {
    const double begun = world_.clock.seconds();
    world_.reporter.note(seconds < 120
                             ? fmt::format("{}; {} again in {:.0f} s", reason, what, seconds)
                             : fmt::format("{}; {} again in {:.0f} min", reason, what, seconds / 60));
    double left = seconds;
    while (left > 0) {
        if (const auto end = reason_to_end(spent)) return end;
        const int rest = static_cast<int>(std::ceil(left));
        world_.reporter.progress(
            {1 - left / seconds, fmt::format("{} again in {}:{:02}", what, rest / 60, rest % 60)});
        world_.clock.sleep(kStopInterval);
        left = begun + seconds - world_.clock.seconds();
    }
    return std::nullopt;
}

/// `unrecorded`: what the current experiment has cost so far.
std::optional<LoopEnd> ExperimentLoop::reason_to_end(const AgentReport& unrecorded) const {
    if (world_.stop.now() || world_.stop.after_experiment()) return LoopEnd::stopped;
    if (!bound_reached(unrecorded).empty()) return LoopEnd::done;
    const int most = settings_.config.max_failures;
    return most > 0 && useless_answers_ >= most ? std::optional(LoopEnd::gave_up) : std::nullopt;
}

/// Which bound lets nothing more begin, in words for a person; empty if none. Another call at the usual cost
/// must fit.
std::string ExperimentLoop::bound_reached(const AgentReport& unrecorded) const {
    const Settings& bounds = settings_.config;
    if (bounds.experiments > 0 && static_cast<int>(history().size()) > bounds.experiments)
        return fmt::format("--experiments {} are done", bounds.experiments);
    if (bounds.hours > 0 && world_.clock.seconds() - started_ >= 3600 * bounds.hours)
        return fmt::format("--hours {:g} are over", bounds.hours);
    if (settings_.until > 0 && world_.clock.unix_seconds() >= settings_.until)
        return "it is " + bounds.until + " (--until)";
    if (const auto room = world_.ledger.room(); room < kLeastRoom)
        return fmt::format("only {} MB are left on its disk; free some space", room / 1'000'000);
    AgentReport spent = unrecorded;
    for (const Experiment& experiment : history()) add_cost(spent, experiment.agent);
    const auto passed = [](double so_far, double one_more, double cap) {
        return cap > 0 && (so_far >= cap || so_far + one_more > cap);
    };
    const double usd = median(prices(&AgentReport::usd));
    if (passed(spent.usd, usd, bounds.max_cost))
        return fmt::format("--max-cost {:g}: the agent has cost ${:.2f}, and a call costs about ${:.2f}",
                           bounds.max_cost, spent.usd, usd);
    const double tokens = median(prices(&AgentReport::tokens));
    if (passed(static_cast<double>(spent.tokens), tokens, static_cast<double>(bounds.max_tokens)))
        return fmt::format("--max-tokens {}: the agent has used {}, and a call uses about {:.0f}",
                           bounds.max_tokens, spent.tokens, tokens);
    return "";
}

}  // namespace autoresearch

#include "view/result_table.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>

#include "util/text.h"

namespace autoresearch {

namespace {

constexpr std::size_t kIdeaWidth = 100;

/// Padded to 9 characters; green, dim or red if `color`.
std::string painted(Decision decision, bool color) {
    const char* paint = decision == Decision::keep    ? "\x1b[32m"
                        : decision == Decision::crash ? "\x1b[31m"
                                                      : "\x1b[2m";
    const std::string_view name = to_string(decision);
    return fmt::format("{}{:<7}{}{}", color ? paint : "", name, color ? "\x1b[0m" : "",
                       name.size() > 7 ? " " : "  ");
}

/// The idea, with the reason if there is no result.
std::string idea_cell(const Experiment& experiment) {
    const Verdict& verdict = experiment.verdict;
    auto cell = clean_line(experiment.idea, kIdeaWidth);
    if (verdict.ending == Ending::ok) return cell;
    const bool judged = verdict.decision != Decision::unjudged;
    return fmt::format("{}{}({}{}{})", cell, cell.empty() ? "" : "  ",
                       judged ? to_string(verdict.ending) : "no fair trial",
                       verdict.reason.empty() ? "" : ": ", clean_line(verdict.reason));
}

}  // namespace

std::string experiment_line(const Experiment& experiment, bool color) {
    const auto cell = [](bool known, auto format, double value) {
        return known ? fmt::format(fmt::runtime(format), value) : "-";
    };
    const double val_bpb = experiment.val_bpb(), gb = experiment.peak_memory_mb() / 1024;
    return fmt::format("{:4}  {}{:>9}  {:>9}  {:>8}  {:6.0f} s  {}", experiment.number,
                       painted(experiment.verdict.decision, color), cell(val_bpb > 0, "{:.6f}", val_bpb),
                       cell(experiment.compared(), "{:+.6f}", experiment.verdict.evidence.difference),
                       cell(gb > 0, "{:.1f} GB", gb), experiment.seconds, idea_cell(experiment));
}

std::string result_table(const std::vector<Experiment>& experiments, bool color) {
    if (experiments.empty()) return "no experiments yet\n";
    const Experiment* incumbent = incumbent_of(experiments);
    std::string text = fmt::format("  {:>4}  {:<7}  {:>9}  {:>9}  {:>8}  {:>8}  {}\n", "#", "verdict",
                                   "val_bpb", "delta", "memory", "time", "idea");
    std::map<Decision, int> counts;
    AgentReport agent;
    for (const auto& experiment : experiments) {
        add_cost(agent, experiment.agent);
        ++counts[experiment.verdict.decision];
        text += (&experiment == incumbent ? "* " : "  ") + experiment_line(experiment, color) + "\n";
    }
    text += fmt::format("{} experiments: {} kept, {} discarded, {} crashed", experiments.size(),
                        counts[Decision::keep], counts[Decision::discard], counts[Decision::crash]);
    if (counts[Decision::unjudged] > 0) text += fmt::format(", {} unjudged", counts[Decision::unjudged]);
    if (incumbent != nullptr) {
        text += fmt::format("; best val_bpb {:.6f} (experiment {}", incumbent->val_bpb(), incumbent->number);
        const double change = incumbent->val_bpb() - experiments.front().val_bpb();
        if (incumbent->number > 0) text += fmt::format(", {:+.6f} against the baseline", change);
        text += ')';
    }
    if (agent.tokens > 0 || agent.usd > 0) {
        text += fmt::format("\nagent: {} calls, {:.0f} s, {} tokens, ${:.2f}{}", agent.calls, agent.seconds,
                            agent.tokens, agent.usd, agent.usd_is_estimate ? " (estimated)" : "");
    }
    return text + "\n";
}

}  // namespace autoresearch

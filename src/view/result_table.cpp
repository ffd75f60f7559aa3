#include "view/result_table.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>

#include "util/text.h"

namespace autoresearch {

namespace {

constexpr std::size_t kIdeaWidth = 100;
constexpr std::string_view kBaseline = "baseline";  // in place of its verdict: it is no experiment

/// The idea, with the reason if there is no result.
std::string idea_cell(const Experiment& experiment) {
    const Verdict& verdict = experiment.verdict;
    auto cell = clean_line(experiment.idea, kIdeaWidth);
    if (verdict.ending == Ending::ok) return cell;
    if (verdict.ending == Ending::no_proposal) return "no edit: " + clean_line(verdict.reason);
    const bool judged = verdict.decision != Decision::unjudged;
    return fmt::format("{}{}({}{}{})", cell, cell.empty() ? "" : "  ",
                       judged ? to_string(verdict.ending) : "no fair trial",
                       verdict.reason.empty() ? "" : ": ", clean_line(verdict.reason));
}

/// A line of experiment_line, with its verdict in green, dim or red.
std::string painted(std::string_view line) {
    const std::size_t begin = std::min(line.find_first_not_of(" 0123456789"), line.size());
    const std::string_view verdict = line.substr(begin, line.find(' ', begin) - begin);
    const bool good = verdict == to_string(Decision::keep) || verdict == kBaseline;
    const char* paint = good ? "\x1b[32m" : verdict == to_string(Decision::crash) ? "\x1b[31m" : "\x1b[2m";
    return fmt::format("{}{}{:<7}\x1b[0m{}", line.substr(0, begin), paint, verdict,
                       line.substr(std::min(begin + std::max<std::size_t>(7, verdict.size()), line.size())));
}

}  // namespace

std::string experiment_line(const Experiment& experiment, bool color) {
    const auto cell = [](bool known, auto format, double value) {
        return known ? fmt::format(fmt::runtime(format), value) : "-";
    };
    const double val_bpb = experiment.val_bpb(), gb = experiment.peak_memory_mb() / 1024;
    const std::string line =
        fmt::format("{:4}  {:<8} {:>9}  {:>9}  {:>8}  {:6.0f} s  {}", experiment.number,
                    experiment.number == 0 ? kBaseline : to_string(experiment.verdict.decision),
                    cell(val_bpb > 0, "{:.6f}", val_bpb),
                    cell(experiment.compared(), "{:+.6f}", experiment.verdict.evidence.difference),
                    cell(gb > 0, "{:.1f} GB", gb), experiment.seconds, idea_cell(experiment));
    return color ? painted(line) : line;
}

std::string result_sums(const std::vector<Experiment>& experiments) {
    const Experiment* incumbent = incumbent_of(experiments);
    std::map<Decision, int> counts;
    AgentReport agent;
    for (const auto& experiment : experiments) {
        add_cost(agent, experiment.agent);
        if (experiment.number > 0) ++counts[experiment.verdict.decision];  // the baseline is none
    }
    std::string text = fmt::format("{} experiments: {} kept, {} discarded, {} crashed",
                                   std::max<std::size_t>(experiments.size(), 1) - 1, counts[Decision::keep],
                                   counts[Decision::discard], counts[Decision::crash]);
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

std::string result_table(std::string_view rows, int incumbent, const std::string& sums, bool color) {
    if (rows.empty()) return "no experiments yet\n";
    std::string text = fmt::format("  {:>4}  {:<7}  {:>9}  {:>9}  {:>8}  {:>8}  {}\n", "#", "verdict",
                                   "val_bpb", "delta", "memory", "time", "idea");
    int number = 0;
    const std::string clean = without_escapes(rows);  // of an older version, perhaps
    for (const std::string_view row : split_lines(clean)) {
        text += number++ == incumbent ? "* " : "  ";
        text.append(color ? painted(row) : row) += '\n';
    }
    return text + sums;
}

}  // namespace autoresearch

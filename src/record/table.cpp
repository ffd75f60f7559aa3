#include "record/table.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>

#include "util/text.h"

namespace autoresearch {

namespace {

constexpr std::size_t kIdeaWidth = 100;

std::string val_bpb_cell(const Experiment& experiment) {
    return experiment.val_bpb() > 0 ? fmt::format("{:.6f}", experiment.val_bpb()) : "-";
}

std::string delta_cell(const Experiment& experiment) {
    const bool compared = experiment.number > 0 && experiment.verdict.decision != Decision::crash;
    return compared ? fmt::format("{:+.6f}", experiment.verdict.delta) : "-";
}

/// For a crash with its reason.
std::string idea_cell(const Experiment& experiment) {
    const Verdict& verdict = experiment.verdict;
    auto cell = clean_line(experiment.idea, kIdeaWidth);
    if (verdict.decision != Decision::crash) return cell;
    return fmt::format("{}{}({}{}{})", cell, cell.empty() ? "" : "  ", to_string(verdict.ending),
                       verdict.reason.empty() ? "" : ": ", clean_line(verdict.reason));
}

}  // namespace

std::string painted(Decision decision, bool color) {
    auto word = fmt::format("{:<7}", to_string(decision));
    if (!color) return word;
    const char* paint = decision == Decision::keep    ? "\x1b[32m"
                        : decision == Decision::crash ? "\x1b[31m"
                                                      : "\x1b[2m";
    return paint + word + "\x1b[0m";
}

std::string experiment_line(const Experiment& experiment, bool color) {
    return fmt::format("{:4}  {}  {:>9}  {:>9}  {:6.0f} s  {}", experiment.number,
                       painted(experiment.verdict.decision, color), val_bpb_cell(experiment),
                       delta_cell(experiment), experiment.seconds, idea_cell(experiment));
}

const Experiment* incumbent_of(const std::vector<Experiment>& experiments) {
    const auto kept = std::find_if(
        experiments.rbegin(), experiments.rend(),
        [](const Experiment& experiment) { return experiment.verdict.decision == Decision::keep; });
    return kept == experiments.rend() ? nullptr : &*kept;
}

std::string result_table(const std::vector<Experiment>& experiments, bool color) {
    if (experiments.empty()) return "no experiments yet\n";
    const Experiment* incumbent = incumbent_of(experiments);
    std::string text = fmt::format("  {:>4}  {:<7}  {:>9}  {:>9}  {:>8}  {:>8}  {}\n", "#", "verdict",
                                   "val_bpb", "delta", "memory", "time", "idea");
    std::map<Decision, int> counts;
    for (const auto& experiment : experiments) {
        ++counts[experiment.verdict.decision];
        const double gb = experiment.peak_memory_mb() / 1024;
        text += fmt::format("{} {:4}  {}  {:>9}  {:>9}  {:>8}  {:6.0f} s  {}\n",
                            &experiment == incumbent ? "*" : " ", experiment.number,
                            painted(experiment.verdict.decision, color), val_bpb_cell(experiment),
                            delta_cell(experiment), gb > 0 ? fmt::format("{:.1f} GB", gb) : "-",
                            experiment.seconds, idea_cell(experiment));
    }
    text += fmt::format("{} experiments: {} kept, {} discarded, {} crashed", experiments.size(),
                        counts[Decision::keep], counts[Decision::discard], counts[Decision::crash]);
    if (incumbent != nullptr) {
        text += fmt::format("; best val_bpb {:.6f} (experiment {}", incumbent->val_bpb(), incumbent->number);
        const double change = incumbent->val_bpb() - experiments.front().val_bpb();
        if (incumbent->number > 0) text += fmt::format(", {:+.6f} against the baseline", change);
        text += ')';
    }
    return text + "\n";
}

}  // namespace autoresearch

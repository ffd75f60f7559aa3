#include "record/table.h"

#include <algorithm>
#include <cstdio>

#include "util/text.h"

namespace autoresearch {

namespace {

constexpr std::size_t kIdeaWidth = 100;

template <class... Values>
std::string format(const char* pattern, Values... values) {
    char text[256];
    std::snprintf(text, sizeof text, pattern, values...);
    return text;
}

std::string val_bpb_cell(const Experiment& experiment) {
    return experiment.val_bpb() > 0 ? format("%.6f", experiment.val_bpb()) : "-";
}

std::string delta_cell(const Experiment& experiment) {
    const bool compared = experiment.number > 0 && experiment.verdict.decision != Decision::crash;
    return compared ? format("%+.6f", experiment.verdict.delta) : "-";
}

std::string crash_reason(const Verdict& verdict) {
    if (verdict.decision != Decision::crash) return "";
    std::string text = format("(%s", std::string(to_string(verdict.ending)).c_str());
    if (!verdict.reason.empty()) text += ": ";
    return text + clean_line(verdict.reason) + ")";
}

std::string idea_cell(const Experiment& experiment, std::size_t width) {
    auto cell = clean_line(experiment.idea, width);
    const auto reason = crash_reason(experiment.verdict);
    if (!reason.empty()) cell += (cell.empty() ? "" : "  ") + reason;
    return cell;
}

}  // namespace

std::string painted(Decision decision, bool color) {
    auto word = format("%-7s", std::string(to_string(decision)).c_str());
    if (!color) return word;
    const char* paint = decision == Decision::keep    ? "\x1b[32m"
                        : decision == Decision::crash ? "\x1b[31m"
                                                      : "\x1b[2m";
    return paint + word + "\x1b[0m";
}

std::string experiment_line(const Experiment& experiment, bool color) {
    return format("%4d  ", experiment.number) + painted(experiment.verdict.decision, color) +
           format("  %9s  %9s  %6.0f s  ", val_bpb_cell(experiment).c_str(), delta_cell(experiment).c_str(),
                  experiment.seconds) +
           idea_cell(experiment, kIdeaWidth);
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
    std::string text = format("  %4s  %-7s  %9s  %9s  %8s  %8s  %s\n", "#", "verdict", "val_bpb", "delta",
                              "memory", "time", "idea");
    int kept = 0;
    int crashed = 0;
    for (const auto& experiment : experiments) {
        kept += experiment.verdict.decision == Decision::keep ? 1 : 0;
        crashed += experiment.verdict.decision == Decision::crash ? 1 : 0;
        const double gb = experiment.peak_memory_mb() / 1024;
        text += format("%s %4d  ", &experiment == incumbent ? "*" : " ", experiment.number) +
                painted(experiment.verdict.decision, color) +
                format("  %9s  %9s  %8s  %6.0f s  ", val_bpb_cell(experiment).c_str(),
                       delta_cell(experiment).c_str(), gb > 0 ? format("%.1f GB", gb).c_str() : "-",
                       experiment.seconds) +
                idea_cell(experiment, kIdeaWidth) + "\n";
    }
    const auto count = static_cast<int>(experiments.size());
    text += format("%d experiments: %d kept, %d discarded, %d crashed", count, kept, count - kept - crashed,
                   crashed);
    if (incumbent != nullptr) {
        text += format("; best val_bpb %.6f (experiment %d", incumbent->val_bpb(), incumbent->number);
        const double gain = experiments.front().val_bpb() - incumbent->val_bpb();
        if (incumbent->number > 0) text += format(", %+.6f against the baseline", -gain);
        text += ')';
    }
    return text + "\n";
}

}  // namespace autoresearch

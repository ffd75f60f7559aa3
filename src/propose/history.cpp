#include "propose/history.h"

#include <algorithm>
#include <cstdio>

#include "util/text.h"

namespace autoresearch {
namespace {

std::string number(const char* format, double value) {
    char text[32];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

std::string result_text(const Experiment& experiment) {
    const bool baseline = experiment.number == 0;
    switch (experiment.verdict.decision) {
        case Decision::crash:
            return "crash    -              ";
        case Decision::keep:
        case Decision::discard:
            break;
    }
    const std::string delta = baseline ? "        " : number(" %+.5f", experiment.verdict.delta);
    return std::string(experiment.verdict.decision == Decision::keep ? "keep    " : "discard ") +
           number(" %.5f", experiment.val_bpb()) + delta;
}

std::string line(const Experiment& experiment, std::size_t idea_bytes, bool with_reason) {
    char start[16];
    std::snprintf(start, sizeof start, "- %04d ", experiment.number);
    std::string result = start + result_text(experiment) + "  " + clean_line(experiment.idea, idea_bytes);
    const std::string& reason = experiment.verdict.reason;
    if (with_reason && !reason.empty()) result += " | " + clean_line(reason, 240);
    return result;
}

std::string summary(const std::vector<Experiment>& history) {
    int kept = 0, crashed = 0;
    const Experiment* best = nullptr;
    for (const Experiment& experiment : history) {
        crashed += experiment.verdict.decision == Decision::crash ? 1 : 0;
        if (experiment.verdict.decision != Decision::keep) continue;
        ++kept;
        best = &experiment;
    }
    std::string text = "# What was tried\n\n" + std::to_string(history.size()) +
                       " experiments: " + std::to_string(kept) + " kept, " + std::to_string(crashed) +
                       " crashed.";
    if (best != nullptr) {
        text += " Best: " + number("%.5f", best->val_bpb()) + " (experiment " + std::to_string(best->number) +
                ").";
    }
    return text +
           "\nColumns: number, verdict, val_bpb (lower is better), difference to the best at that time, idea "
           "| reason.\n"
           "Source, patch, curve and log of each: experiments/NNNN/.\n\n";
}

}  // namespace

std::string history_line(const Experiment& experiment) {
    return line(experiment, 200, true);
}

std::string history_text(const std::vector<Experiment>& history, std::size_t budget) {
    // From the newest back: whole lines for two thirds of the budget, short ones for most of the rest, then
    // only those that were kept, which are the lineage of the present source.
    std::vector<std::string> lines;
    std::size_t used = 0, left_out = 0;
    for (auto experiment = history.rbegin(); experiment != history.rend(); ++experiment) {
        std::string text = history_line(*experiment);
        if (used + text.size() > budget * 2 / 3) text = line(*experiment, 70, false);
        const bool kept = experiment->verdict.decision == Decision::keep;
        if (used + text.size() > (kept ? budget : budget * 9 / 10)) {
            ++left_out;
            continue;
        }
        used += text.size() + 1;
        lines.push_back(std::move(text));
    }
    std::string result = summary(history);
    if (left_out > 0)
        result += std::string("(") + std::to_string(left_out) + " older ones are only in experiments/)\n";
    for (auto text = lines.rbegin(); text != lines.rend(); ++text) result += *text + "\n";
    return result;
}

}  // namespace autoresearch

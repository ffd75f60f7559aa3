#include "propose/prompt.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "util/text.h"

namespace autoresearch {
namespace {

constexpr std::size_t kLatest = 8;  // results in the prompt itself

std::string incumbent_text(const Experiment& best) {
    std::string text = fmt::format("To beat: experiment {}, val_bpb {:.5f}", best.number, best.val_bpb());
    const auto trial = std::find_if(best.trials.begin(), best.trials.end(),
                                    [](const Trial& candidate) { return candidate.ending == Ending::ok; });
    if (trial != best.trials.end()) {
        text +=
            fmt::format(" ({} steps, {:.1f} M tokens, {:.1f} M parameters, depth {}, {:.1f} GB, MFU {:.1f}%)",
                        trial->num_steps, trial->tokens_m, trial->num_params_m, trial->depth,
                        best.peak_memory_mb() / 1024, trial->mfu_percent);
    }
    return text + ".\nIts idea: " + clean_line(best.idea, 200) + "\n";
}

std::string line(const Experiment& experiment, std::size_t idea_bytes, bool with_reason) {
    const Verdict& verdict = experiment.verdict;
    const bool crash = verdict.decision == Decision::crash;
    const std::string delta = crash || experiment.number == 0 ? "" : fmt::format("{:+.5f}", verdict.delta);
    std::string result =
        fmt::format("- {:04} {:<7}  {:<7} {:<8}  {}", experiment.number, to_string(verdict.decision),
                    crash ? "-" : fmt::format("{:.5f}", experiment.val_bpb()), delta,
                    clean_line(experiment.idea, idea_bytes));
    if (with_reason && !verdict.reason.empty()) result += " | " + clean_line(verdict.reason, 240);
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
    std::string text = fmt::format("# What was tried\n\n{} experiments: {} kept, {} crashed.", history.size(),
                                   kept, crashed);
    if (best != nullptr) text += fmt::format(" Best: {:.5f} (experiment {}).", best->val_bpb(), best->number);
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
    if (left_out > 0) result += fmt::format("({} older ones are only in experiments/)\n", left_out);
    for (auto text = lines.rbegin(); text != lines.rend(); ++text) result += *text + "\n";
    return result;
}

std::string prompt_text(const std::string& program, const ProposalRequest& request,
                        const PromptFacts& facts) {
    std::string text = fmt::format("{}\n\n## Now\n\nThis is experiment {}. Device: {}", trim(program),
                                   request.experiment, facts.device);
    if (facts.memory_gb > 0) text += fmt::format(" with {:.3g} GB", facts.memory_gb);
    text += fmt::format(". Budget: {:g} s of training.\n", facts.budget) + incumbent_text(request.incumbent);
    const auto& history = request.history;
    const std::size_t first = history.size() > kLatest ? history.size() - kLatest : 0;
    if (!history.empty()) text += "\nLatest results (all of them: history.md):\n\n";
    for (std::size_t i = first; i < history.size(); ++i) text += history_line(history[i]) + "\n";
    return text +
           "\nMake one edit of train/train.cpp now, write its idea to idea.txt as one line, and end. Nobody "
           "can "
           "answer questions.\n";
}

}  // namespace autoresearch

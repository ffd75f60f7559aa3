#include "propose/prompt.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "propose/history.h"
#include "util/text.h"

namespace autoresearch {
namespace {

constexpr std::size_t kLatest = 8;

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

}  // namespace

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

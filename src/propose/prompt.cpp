#include "propose/prompt.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "propose/history.h"
#include "util/text.h"

namespace autoresearch {
namespace {

constexpr std::size_t kLatest = 8;

std::string incumbent_text(const Experiment& best) {
    std::ostringstream text;
    text << "To beat: experiment " << best.number << ", val_bpb " << std::fixed << std::setprecision(5)
         << best.val_bpb();
    const auto trial = std::find_if(best.trials.begin(), best.trials.end(),
                                    [](const Trial& candidate) { return candidate.ending == Ending::ok; });
    if (trial != best.trials.end()) {
        text << std::setprecision(1) << " (" << trial->num_steps << " steps, " << trial->tokens_m
             << " M tokens, " << trial->num_params_m << " M parameters, depth " << trial->depth << ", "
             << best.peak_memory_mb() / 1024 << " GB, MFU " << trial->mfu_percent << "%)";
    }
    text << ".\nIts idea: " << clean_line(best.idea, 200) << "\n";
    return text.str();
}

}  // namespace

std::string prompt_text(const std::string& program, const ProposalRequest& request,
                        const PromptFacts& facts) {
    std::ostringstream text;
    text << trim(program) << "\n\n## Now\n\nThis is experiment " << request.experiment
         << ". Device: " << facts.device;
    if (facts.memory_gb > 0) text << " with " << facts.memory_gb << " GB";
    text << ". Budget: " << facts.budget << " s of training.\n" << incumbent_text(request.incumbent);
    const auto& history = request.history;
    const std::size_t first = history.size() > kLatest ? history.size() - kLatest : 0;
    if (!history.empty()) text << "\nLatest results (all of them: history.md):\n\n";
    for (std::size_t i = first; i < history.size(); ++i) text << history_line(history[i]) << "\n";
    text << "\nMake one edit of train/train.cpp now, write its idea to idea.txt as one line, and end. Nobody "
            "can answer "
            "questions.\n";
    return text.str();
}

}  // namespace autoresearch

#include "view/trial_text.h"

#include <spdlog/fmt/fmt.h>

#include "util/text.h"

namespace autoresearch {

std::string summary_block(const Trial& trial) {
    return fmt::format(
        "---\n"
        "val_bpb:          {:.6f}\n"
        "training_seconds: {:.1f}\n"
        "total_seconds:    {:.1f}\n"
        "peak_vram_mb:     {:.1f}\n"
        "mfu_percent:      {:.2f}\n"
        "total_tokens_M:   {:.1f}\n"
        "num_steps:        {}\n"
        "num_params_M:     {:.1f}\n"
        "depth:            {}\n",
        trial.val_bpb, trial.training_seconds, trial.total_seconds, trial.peak_memory_mb, trial.mfu_percent,
        trial.tokens_m, trial.num_steps, trial.num_params_m, trial.depth);
}

std::string comparison(const Experiment& recorded, const Trial& before, const Trial& now) {
    const auto row = [](const char* name, const Trial& trial) {
        return fmt::format("  {:<10} {:.6f} {:7} {:12.1f} {:9.1f}\n", name, trial.val_bpb, trial.num_steps,
                           trial.training_seconds, trial.peak_memory_mb);
    };
    const double difference = now.val_bpb - before.val_bpb;
    const double steps = static_cast<double>(now.num_steps) / static_cast<double>(before.num_steps);
    return fmt::format("experiment {}, {}, seed {}\n", recorded.number, clean_line(recorded.idea),
                       before.seed) +
           "             val_bpb    steps   training s   peak MB\n" + row("recorded", before) +
           row("replayed", now) +
           fmt::format("  difference {:+.6f} ({:+.2f} %), steps {:+.1f} %\n", difference,
                       100 * difference / before.val_bpb, 100 * (steps - 1));
}

}  // namespace autoresearch

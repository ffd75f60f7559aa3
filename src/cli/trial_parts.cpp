#include "cli/trial_parts.h"

#include <cstdio>

#include "autoresearch/events.h"

namespace autoresearch {

TrialParts make_trial_parts(const Kit& kit, const Config& config, const std::string& device,
                            const std::filesystem::path& data, Reporter& reporter, const StopRequest& stop) {
    TrainerBuilderOptions build;
    build.kit = kit.directory;
    build.limit = config.build_limit;
    TrialRunnerOptions run;
    run.data = data;
    run.device = device;
    run.threads = config.threads;
    run.limits.startup = config.startup_limit;
    run.limits.grace = config.grace;
    run.limits.evaluation = config.eval_limit;
    return {TrainerBuilder(build, stop), TrialRunner(run, reporter, stop)};
}

std::string summary_block(const Trial& trial) {
    char text[640];
    std::snprintf(text, sizeof text,
                  "---\n"
                  "val_bpb:          %.6f\n"
                  "training_seconds: %.1f\n"
                  "total_seconds:    %.1f\n"
                  "peak_vram_mb:     %.1f\n"
                  "mfu_percent:      %.2f\n"
                  "total_tokens_M:   %.1f\n"
                  "num_steps:        %lld\n"
                  "num_params_M:     %.1f\n"
                  "depth:            %d\n",
                  trial.val_bpb, trial.training_seconds, trial.total_seconds, trial.peak_memory_mb,
                  trial.mfu_percent, trial.tokens_m, static_cast<long long>(trial.num_steps),
                  trial.num_params_m, trial.depth);
    return text;
}

}  // namespace autoresearch

#include "cli/final_number.h"

#include <cmath>

#include "contract/run_files.h"
#include "judge/statistics.h"
#include "proc/system_clock.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kFresh = 1000;  // no verdict gets this far from a run's first seed

}  // namespace

ordered_json measure_final_number(const RunInfo& run, const TrialPlace& place, const GitRepo& git,
                                  const std::vector<Experiment>& experiments, int seeds, Reporter& reporter,
                                  const StopRequest& stop) {
    const Experiment &best = *incumbent_of(experiments), &baseline = experiments.front();
    const auto measure = [&](const Experiment& code, const std::string& name) {
        const ByHand wanted{
            run_files::final_trials(run.directory, name), place.config.seed + kFresh, seeds, {}, Split::test};
        Experiment result;
        result.trials = require_good(trials_by_hand(place, git.source(code.commit), wanted, " " + name,
                                                    reporter, stop, system_clock()));
        return result;
    };
    const Experiment before = measure(baseline, "baseline"), after = measure(best, "best");
    std::vector<double> gains;
    ordered_json number = {{"experiment", best.number}};
    for (std::size_t i = 0; i < before.trials.size(); ++i) {
        gains.push_back(before.trials[i].val_bpb - after.trials[i].val_bpb);
        number["seeds"].push_back(before.trials[i].seed);
        number["baseline"].push_back(before.trials[i].val_bpb);
        number["best"].push_back(after.trials[i].val_bpb);
    }
    PooledVariance spread;
    spread.add(gains);
    const double half = student_quantile(0.025, seeds - 1) * spread.sd() / std::sqrt(seeds);
    const double gain = before.val_bpb() - after.val_bpb(), val_gain = baseline.val_bpb() - best.val_bpb();
    number.update({{"gain", gain},
                   {"low", gain - half},
                   {"high", gain + half},
                   {"val_gain", val_gain},
                   {"optimism", val_gain - gain}});
    write_file_atomically(run_files::final_number(run.directory), number.dump(2) + "\n");
    return number;
}

}  // namespace autoresearch

#include "cli/final_number.h"

#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "contract/run_files.h"
#include "judge/paired_judge.h"
#include "judge/statistics.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kFresh = 1000;  // so far from a run's first seed no verdict goes

}  // namespace

ordered_json measure_final_number(const RunInfo& run, const TrialPlace& place, const GitRepo& git,
                                  const std::vector<Experiment>& experiments, int seeds, Reporter& reporter,
                                  const StopRequest& stop) {
    const Experiment &best = *incumbent_of(experiments), &baseline = experiments.front();
    const auto measure = [&](const Experiment& code, const std::string& name) {
        const ByHand wanted{
            run.directory / "final" / name, place.config.seed + kFresh, seeds, {}, Split::test};
        Experiment result;
        result.trials =
            require_good(trials_by_hand(place, git.source(code.commit), wanted, " " + name, reporter, stop));
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
    write_file_atomically(run.directory / run_files::kFinal, number.dump(2) + "\n");
    return number;
}

std::string final_number_text(const ordered_json& number) {
    return fmt::format(
        "on the test split experiment {} is {:.5f} better than the baseline (95 % interval {:.5f} to {:.5f}, "
        "{} fresh seeds); on the validation split {:.5f}: optimism {:+.5f}",
        number["experiment"].get<int>(), number["gain"].get<double>(), number["low"].get<double>(),
        number["high"].get<double>(), number["seeds"].size(), number["val_gain"].get<double>(),
        number["optimism"].get<double>());
}

ordered_json summary_of_verdicts(const RunInfo& run, const std::vector<Experiment>& experiments) {
    int disturbed = 0, early = 0, whole = 0;
    double early_seconds = 0, whole_seconds = 0;
    for (const Experiment& experiment : experiments) {
        for (const auto* trials : {&experiment.trials, &experiment.reference_trials}) {
            for (const Trial& trial : *trials) {
                disturbed += trial.void_because.empty() ? 0 : 1;
                if (trial.counts()) ++whole, whole_seconds += trial.wall_seconds;
                if (trial.ending == Ending::ended_early) ++early, early_seconds += trial.wall_seconds;
            }
        }
    }
    const Noise noise = pooled_noise(experiments);
    const double saved = whole == 0 ? 0 : early * whole_seconds / whole - early_seconds;
    ordered_json summary = {{"noise", noise.sd},    {"degrees", noise.degrees}, {"void_trials", disturbed},
                            {"ended_early", early}, {"saved_seconds", saved},   {"final", nullptr}};
    const auto text = try_read_file(run.directory / run_files::kFinal);
    auto number = ordered_json::parse(text.value_or(""), nullptr, false);
    const Experiment* best = incumbent_of(experiments);
    if (number.is_object() && best != nullptr && number.value("experiment", -1) == best->number)
        summary["final"] = std::move(number);
    return summary;
}

std::string summary_text(const ordered_json& summary) {
    std::string text;
    if (summary["degrees"] > 0) {
        text += fmt::format("noise between seeds: {:.5f} val_bpb ({} degrees of freedom)\n",
                            summary["noise"].get<double>(), summary["degrees"].get<int>());
    }
    if (summary["void_trials"] > 0)
        text += fmt::format("void trials, disturbed by the machine: {}\n", summary["void_trials"].get<int>());
    if (summary["ended_early"] > 0) {
        text += fmt::format("trials ended early: {}, {:.0f} s saved\n", summary["ended_early"].get<int>(),
                            summary["saved_seconds"].get<double>());
    }
    if (!summary["final"].is_null()) text += final_number_text(summary["final"]) + "\n";
    return text;
}

}  // namespace autoresearch

#include "cli/final_number.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <stdexcept>

#include "judge/paired_judge.h"
#include "judge/statistics.h"
#include "loop/trial_rounds.h"
#include "record/run_files.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kFresh = 1000;  // so far from a run's first seed no verdict goes

double mean_of(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

std::vector<double> results(const std::vector<Trial>& trials) {
    std::vector<double> values;
    values.reserve(trials.size());
    for (const Trial& trial : trials) values.push_back(trial.val_bpb);
    return values;
}

std::vector<Trial> trials_with_seeds(const TrialPlace& place, const std::string& source,
                                     const std::filesystem::path& directory, std::uint64_t first, int count,
                                     bool test_split, Reporter& reporter, const StopRequest& stop) {
    TrialParts parts = make_trial_parts(place, reporter, stop);
    const std::string name = directory.filename().string();
    reporter.phase(-1, name + ": build");
    const auto program = parts.builder.build(source, directory);
    if (!program.ok()) throw std::runtime_error(name + " was not built: " + program.failure().reason);
    std::vector<Trial> trials;
    for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(count); ++seed) {
        Trial trial;
        for (int round = 0; round <= place.config.repeats; ++round) {
            reporter.phase(-1, fmt::format("{}: train, seed {}", name, seed));
            TrialRequest request{program.value(), directory, seed, place.config.budget};
            request.test_split = test_split;
            trial = parts.runner.run(request);
            if (trial.ending != Ending::ok)
                throw std::runtime_error(fmt::format("{}, seed {}: {}", name, seed, trial.reason));
            if (trial.disturbed.empty()) trial.disturbed = starvation(trial, trial_threads(place.config));
            if (trial.disturbed.empty() || place.config.repeats == 0) break;
            reporter.note("the machine disturbed the trial: " + trial.disturbed);
        }
        trials.push_back(trial);
    }
    std::filesystem::remove(program.value());
    return trials;
}

ordered_json measure_final_number(const RunInfo& run, const TrialPlace& place, const GitRepo& git,
                                  const std::vector<Experiment>& experiments, int seeds, Reporter& reporter,
                                  const StopRequest& stop) {
    const Experiment& best = *incumbent_of(experiments);
    const Experiment& baseline = experiments.front();
    const auto folder = run.directory / "final";
    const auto measure = [&](const Experiment& experiment, const char* name) {
        return results(trials_with_seeds(place, git.file(experiment.commit), folder / name,
                                         place.config.seed + kFresh, seeds, true, reporter, stop));
    };
    const auto before = measure(baseline, "baseline"), after = measure(best, "best");
    std::vector<std::uint64_t> fresh(before.size());
    std::iota(fresh.begin(), fresh.end(), place.config.seed + kFresh);
    std::vector<double> gains(before.size());
    std::transform(before.begin(), before.end(), after.begin(), gains.begin(), std::minus<>());
    PooledVariance spread;
    spread.add(gains);
    const double gain = mean_of(gains);
    const double half = student_quantile(0.025, seeds - 1) * spread.sd() / std::sqrt(seeds);
    const double val_gain = baseline.val_bpb() - best.val_bpb();
    ordered_json number = {{"experiment", best.number},
                           {"seeds", fresh},
                           {"baseline", before},
                           {"best", after},
                           {"gain", gain},
                           {"low", gain - half},
                           {"high", gain + half},
                           {"val_gain", val_gain},
                           {"optimism", val_gain - gain}};
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
                disturbed += trial.disturbed.empty() ? 0 : 1;
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

// bench_early_end RUN_DIRECTORY...: for scripts/bench early-end. With --thin it prints the recorded trials as
// JSON instead, for tests/data: each curve as its means over fiftieths of the budget.
#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>

#include "bench/early_end_replay.h"
#include "contract/run_files.h"
#include "record/file_ledger.h"

using namespace autoresearch;

namespace {

RecordedRun read_run(const std::filesystem::path& directory) {
    RecordedRun run;
    const auto experiments = read_ledger(directory);
    run.noise = pooled_noise(experiments).sd;
    for (const Experiment& experiment : experiments) {
        const auto folder = run_files::experiment_directory(directory, experiment.number);
        for (const Trial& trial : experiment.trials)
            if (trial.counts())
                run.trials.push_back({experiment.number, trial.seed, trial.val_bpb,
                                      read_curve(curve_file(folder, trial.seed))});
    }
    return run;
}

Curve thin(const Curve& curve) {
    constexpr double kParts = 50;
    Curve result;
    for (std::size_t i = 0; i < curve.share.size();) {
        const double part = std::ceil(curve.share[i] * kParts);
        double loss = 0;
        std::size_t count = 0;
        for (; i < curve.share.size() && curve.share[i] * kParts <= part; ++i, ++count) loss += curve.loss[i];
        result.share.push_back(part / kParts);
        result.loss.push_back(std::round(1e3 * loss / static_cast<double>(count)) / 1e3);
    }
    return result;
}

void print(const char* name, const EarlyEndReplay& all) {
    std::printf("%-22s %8d %6d (%.2f %%) %8d %8d (%2.0f %%) %10.1f %%\n", name, all.keeps, all.lost,
                100.0 * all.lost / std::max(1, all.keeps), all.losers, all.ended,
                100.0 * all.ended / std::max(1, all.losers), 100 * all.saved / all.trained);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<RecordedRun> runs;
    const bool thinned = argc > 1 && std::string(argv[1]) == "--thin";
    for (int i = thinned ? 2 : 1; i < argc; ++i) runs.push_back(read_run(argv[i]));
    if (thinned) {
        for (RecordedRun& run : runs)
            for (auto& trial : run.trials) trial.curve = thin(trial.curve);
        std::cout << nlohmann::json(runs).dump() << "\n";
        return 0;
    }
    std::puts("every trial as the candidate of every other one with the same seed");
    std::puts("learned from           would-be keeps, lost        losers, ended early   training saved");
    EarlyEndReplay all, first;
    for (const RecordedRun& run : runs) {
        all.add(run, std::numeric_limits<std::size_t>::max());
        first.add(run, 8);
    }
    print("all other experiments", all);
    print("the first eight", first);
}

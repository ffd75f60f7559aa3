// bench_judge: for scripts/bench judge. Simulates runs of changes whose true effect is known, and prints what
// the judge, the originals' rule and three seeds for everything make of them.
#include <cstdio>
#include <memory>

#include "bench/judge_simulation.h"
#include "judge/paired_judge.h"

using namespace autoresearch;

namespace {

constexpr int kRuns = 10000;

/// Every candidate gets three seeds; the lower mean is kept.
class ThreeSeeds : public Judge {
  public:
    std::variant<MoreTrials, Verdict> judge(const Experiment* incumbent, const Experiment& candidate,
                                            const std::vector<Experiment>&) const override {
        if (candidate.trials.size() < 3) return MoreTrials{candidate.trials.size() + 1};
        const bool better = incumbent == nullptr || candidate.val_bpb() < incumbent->val_bpb();
        return Verdict{better ? Decision::keep : Decision::discard, Ending::ok, "", {}};
    }
    Noise noise(const std::vector<Experiment>&) const override { return {}; }
};

void row(const char* name, const Judge& judge, double shared, bool heavy) {
    std::mt19937_64 random(2026);
    SimulatedRun first, late, night;
    const auto add = [&](SimulatedRun& sum, int experiments, int counted, double effect) {
        SimulatedTrials world(random, shared, heavy);
        const SimulatedRun run = simulate(judge, world, experiments, counted, effect);
        sum.kept += run.kept, sum.trials += run.trials;
    };
    for (int i = 0; i < kRuns; ++i) add(first, 1, 1, 0);
    for (int i = 0; i < kRuns / 30; ++i) add(night, 30, 30, 0);
    std::printf("%-20s %11.3f %11.3f", name, first.kept / double(kRuns),
                night.kept / double(kRuns / 30 * 30));
    for (const double effect : {1.0, 2.0, 3.0}) {
        SimulatedRun found;
        for (int i = 0; i < kRuns; ++i) add(found, 1, 1, effect);
        std::printf(" %7.3f", found.kept / double(kRuns));
        late.trials += found.trials;
    }
    std::printf(" %10.2f %12.2f\n", night.trials / double(kRuns / 30 * 30), late.trials / (3.0 * kRuns));
}

}  // namespace

int main() {
    Settings originals;
    originals.judge = JudgeRule::plain;
    for (const double shared : {0.0, 0.5, 0.9}) {
        for (const bool heavy : {false, true}) {
            if (heavy && shared > 0) continue;
            std::printf("\nsame seed: %.0f %% of the noise is shared%s\n", 100 * shared,
                        heavy ? "; the rest has heavy tails (Student's t, 4 degrees)" : "");
            std::puts("                     false keeps             kept of true gains   trials each");
            std::puts(
                "                     1st change     of a run of    of so many noise units   without      "
                "with");
            std::puts(
                "                     of a run   30 without any   1       2       3     effect      effect");
            row("the judge", PairedJudge(Settings{}), shared, heavy);
            row("one trial, lower", PairedJudge(originals), shared, heavy);
            row("3 seeds, lower mean", ThreeSeeds(), shared, heavy);
        }
    }
}

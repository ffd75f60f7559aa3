#include "judge/paired_judge.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "judge/statistics.h"

namespace autoresearch {
namespace {

constexpr double kLeastChance = 0.05;     // of still becoming "better"; below it no more seeds are spent
constexpr double kClearlySmaller = 0.98;  // of the incumbent's tokens: worth a keep if nothing is lost
constexpr double kMuchCode = 1.05;        // of the incumbent's tokens: a gain must exceed the noise
constexpr double kMemoryGain = 2;         // the gain in noise units that much more memory must bring
constexpr double kLevel = 0.5;            // most standard errors by which a simpler source may be worse

/// One code's trials that count, by seed.
using Repeats = std::map<std::uint64_t, const Trial*>;

/// The repeats of every code in a run, by experiment: its own trials, and those run later for comparison with
/// others.
std::map<int, Repeats> all_repeats(const std::vector<Experiment>& history, const Experiment* candidate) {
    std::map<int, Repeats> codes;
    int incumbent = 0;
    const auto read = [&](const Experiment& experiment) {
        for (const Trial& trial : experiment.reference_trials)
            if (trial.counts()) codes[incumbent].emplace(trial.seed, &trial);
        auto own = codes.end();  // the numbers grow: no search among thousands
        for (const Trial& trial : experiment.trials) {
            if (!trial.counts()) continue;
            own = codes.try_emplace(own, experiment.number);
            own->second.emplace(trial.seed, &trial);
        }
        if (experiment.verdict.decision == Decision::keep) incumbent = experiment.number;
    };
    for (const Experiment& experiment : history) read(experiment);
    if (candidate != nullptr) read(*candidate);
    return codes;
}

/// 1 where one of them is unknown.
double ratio(double value, double base) {
    return value > 0 && base > 0 ? value / base : 1;
}

Noise noise_of(const std::map<int, Repeats>& codes) {
    PooledVariance pooled;
    for (const auto& [number, repeats] : codes) {
        std::vector<double> values;
        for (const auto& [seed, trial] : repeats) values.push_back(trial->val_bpb);
        pooled.add(values);
    }
    return {pooled.sd(), pooled.degrees};
}

}  // namespace

Noise pooled_noise(const std::vector<Experiment>& history, const Experiment* candidate) {
    return noise_of(all_repeats(history, candidate));
}

/// Candidate against incumbent on the seeds they share.
struct PairedJudge::Comparison {
    std::vector<SeedDifference> differences;
    double seeds = 0, mean = 0;
    double speed = 1;  // the candidate's steps per second, relative to the incumbent's
    Noise noise;
    // Two standard errors of the mean. The first uses the noise of all repeats, as if trials with a common
    // seed were independent: never too small, and usable at once. The second comes from these differences
    // alone.
    double pooled_error = 0, paired_error = 0;
    double tail = 1;  // chance of such a mean or a better one if there is no effect: by either error, so
                      // twice the smaller one (Bonferroni)

    Comparison(const Repeats& candidate, const Repeats& incumbent, Noise pooled) : noise(pooled) {
        double rate = 0, other_rate = 0;
        seeds = static_cast<double>(candidate.size());
        for (const auto& [seed, trial] : candidate) {
            const Trial& other = *incumbent.at(seed);
            differences.push_back({seed, trial->val_bpb - other.val_bpb});
            mean += differences.back().difference / seeds;
            rate += trial->steps_per_second();
            other_rate += other.steps_per_second();
        }
        if (rate > 0 && other_rate > 0) speed = rate / other_rate;
        std::vector<double> values(differences.size());
        std::transform(differences.begin(), differences.end(), values.begin(),
                       [](const SeedDifference& each) { return each.difference; });
        PooledVariance paired;
        paired.add(values);
        pooled_error = noise.sd * std::sqrt(2 / seeds);
        paired_error = paired.sd() / std::sqrt(seeds);
        if (mean >= 0) return;
        if (noise.degrees > 0) tail = student_tail(-mean / pooled_error, noise.degrees);
        if (paired.degrees > 0) tail = std::min(tail, student_tail(-mean / paired_error, paired.degrees));
        tail = std::min(1.0, 2 * tail);
    }

    /// Chance that `looks` seeds will show it to be better, at its current trend.
    double chance(int looks, double bound) const {
        if (mean >= 0) return 0;
        if (seeds == 1) return 1;  // how much the seeds share is still unknown
        const double end = -mean / std::min(pooled_error, paired_error) * looks / std::sqrt(seeds);
        return normal_tail((bound - end) / std::sqrt(looks - seeds));
    }
};

PairedJudge::PairedJudge(const Settings& config)
    : config_(config), bound_(sequential_bound(config.max_seeds, (1 - config.confidence) / 2)) {}

std::variant<MoreTrials, Verdict> PairedJudge::judge(const Experiment* incumbent, const Experiment& candidate,
                                                     const std::vector<Experiment>& history) const {
    auto codes = all_repeats(history, &candidate);
    const Repeats& mine = codes[candidate.number];
    std::uint64_t next = config_.seed;
    while (mine.contains(next)) ++next;
    if (incumbent == nullptr) {
        if (mine.empty()) return MoreTrials{next};
        Verdict verdict{Decision::keep, Ending::ok, "", {}};
        verdict.evidence.ground = Ground::baseline;
        verdict.evidence.noise = noise_of(codes);
        return verdict;
    }
    if (mine.empty()) return MoreTrials{next};
    const Repeats& theirs = codes[incumbent->number];
    for (const auto& [seed, trial] : mine)
        if (!theirs.contains(seed)) return MoreTrials{seed, true};
    const Comparison result(mine, theirs, noise_of(codes));
    // How much seeds move val_bpb must be known before anything is kept; most candidates need no such answer.
    const bool known =
        config_.judge == JudgeRule::plain || result.noise.degrees >= config_.baseline_seeds - 1;
    const double size = ratio(candidate.source_tokens, incumbent->source_tokens);
    if (!known && (result.mean < 0 || size <= kClearlySmaller)) {
        std::uint64_t seed = config_.seed;
        while (theirs.contains(seed)) ++seed;
        return MoreTrials{seed, true};
    }
    const auto verdict = decide(*incumbent, candidate, result);
    if (verdict) return *verdict;
    return MoreTrials{next};
}

/// Returns nothing while another seed may change the answer.
std::optional<Verdict> PairedJudge::decide(const Experiment& incumbent, const Experiment& candidate,
                                           const Comparison& result) const {
    const double gain = -result.mean;
    const double size = ratio(candidate.source_tokens, incumbent.source_tokens);
    Evidence evidence;
    evidence.seeds = result.differences;
    evidence.difference = result.mean;
    evidence.noise = result.noise;
    evidence.tail = result.tail;
    evidence.needed = 2 * normal_tail(bound_ / std::sqrt(result.seeds));
    evidence.speed = result.speed;
    evidence.memory = ratio(candidate.peak_memory_mb(), incumbent.peak_memory_mb());
    if (candidate.source_tokens > 0) {
        evidence.tokens = candidate.source_tokens - incumbent.source_tokens;
        evidence.incumbent_tokens = incumbent.source_tokens;
    }
    const auto verdict = [&](Decision decision, Ground ground) {
        evidence.ground = ground;
        return Verdict{decision, Ending::ok, "", evidence};
    };

    if (config_.judge == JudgeRule::plain)
        return verdict(gain > 0 ? Decision::keep : Decision::discard, Ground::measured);
    const bool hungry = evidence.memory > config_.memory_factor;
    if (gain > 0 && result.tail <= evidence.needed) {
        if (hungry && gain < kMemoryGain * result.noise.sd)
            return verdict(Decision::discard, Ground::too_much_memory);
        if (size > kMuchCode && gain < result.noise.sd)
            return verdict(Decision::discard, Ground::too_much_code);
        return verdict(Decision::keep, Ground::measured);
    }
    const bool simpler = size <= kClearlySmaller && !hungry && result.mean <= kLevel * result.pooled_error;
    if (result.seeds < config_.max_seeds) {
        if (simpler || result.chance(config_.max_seeds, bound_) >= kLeastChance) return std::nullopt;
    } else if (simpler) {
        return verdict(Decision::keep, Ground::simpler);
    }
    return verdict(Decision::discard, gain > 0 ? Ground::within_noise : Ground::measured);
}

}  // namespace autoresearch

#include "judge/paired_judge.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "judge/statistics.h"

namespace autoresearch {
namespace {

constexpr double kLeastChance = 0.05;     // to become "better" yet, below which no more seed is spent
constexpr double kClearlySmaller = 0.98;  // of the incumbent's tokens: worth a keep where nothing is lost
constexpr double kMuchCode = 1.05;        // of the incumbent's tokens: a gain must exceed the noise
constexpr double kMemoryGain = 2;         // the gain in noise units that much more memory must bring
constexpr double kLevel = 0.5;            // standard errors that a simpler source may be worse at most
constexpr double kOtherSpeed = 0.1;       // a difference in steps per second that a verdict mentions

/// The trials of one code that count, by seed.
using Repeats = std::map<std::uint64_t, const Trial*>;

void add(Repeats& repeats, const std::vector<Trial>& trials) {
    for (const Trial& trial : trials) {
        if (trial.counts()) repeats.emplace(trial.seed, &trial);
    }
}

/// The incumbent's trials: its own, and those run later to compare others with it.
Repeats repeats_of(const Experiment& incumbent, const Experiment& candidate,
                   const std::vector<Experiment>& history) {
    Repeats repeats;
    add(repeats, incumbent.trials);
    for (const Experiment& later : history) {
        if (later.number > incumbent.number) add(repeats, later.reference_trials);
    }
    add(repeats, candidate.reference_trials);
    return repeats;
}

}  // namespace

Noise pooled_noise(const std::vector<Experiment>& history, const Experiment* candidate) {
    std::map<int, std::vector<double>> codes;
    int incumbent = 0;
    const auto read = [&](const Experiment& experiment) {
        for (const Trial& trial : experiment.reference_trials) {
            if (trial.counts()) codes[incumbent].push_back(trial.val_bpb);
        }
        for (const Trial& trial : experiment.trials) {
            if (trial.counts()) codes[experiment.number].push_back(trial.val_bpb);
        }
        if (experiment.verdict.decision == Decision::keep) incumbent = experiment.number;
    };
    for (const Experiment& experiment : history) read(experiment);
    if (candidate != nullptr) read(*candidate);
    PooledVariance pooled;
    for (const auto& [number, values] : codes) pooled.add(values);
    return {pooled.sd(), pooled.degrees};
}

/// Candidate against incumbent on the seeds that both have.
struct PairedJudge::Comparison {
    std::vector<double> differences;  // val_bpb by seed; negative: the candidate is better
    double mean = 0;
    double speed = 1;  // the candidate's steps per second in the incumbent's
    Noise noise;
    // Two standard errors of the mean. The first takes the noise of all repeats, as if a common seed had
    // nothing in common: never too small, and usable at once. The second is that of these very differences.
    double pooled_error = 0, paired_error = 0;
    double tail = 1;  // chance of such a mean or a better one when nothing is there: by either, so twice the
                      // smaller one (Bonferroni)

    Comparison(const Repeats& candidate, const Repeats& incumbent, Noise pooled) : noise(pooled) {
        double rate = 0, other_rate = 0;
        for (const auto& [seed, trial] : candidate) {
            const Trial& other = *incumbent.at(seed);
            differences.push_back(trial->val_bpb - other.val_bpb);
            mean += differences.back() / static_cast<double>(candidate.size());
            rate += trial->steps_per_second();
            other_rate += other.steps_per_second();
        }
        if (rate > 0 && other_rate > 0) speed = rate / other_rate;
        PooledVariance paired;
        paired.add(differences);
        pooled_error = noise.sd * std::sqrt(2 / seeds());
        paired_error = paired.sd() / std::sqrt(seeds());
        if (mean >= 0) return;
        if (noise.degrees > 0) tail = student_tail(-mean / pooled_error, noise.degrees);
        if (paired.degrees > 0) tail = std::min(tail, student_tail(-mean / paired_error, paired.degrees));
        tail = std::min(1.0, 2 * tail);
    }

    double seeds() const { return static_cast<double>(differences.size()); }

    /// That `looks` seeds show it to be better in the end, if it goes on like this.
    double chance(int looks, double bound) const {
        if (mean >= 0) return 0;
        if (seeds() == 1) return 1;  // nothing is known yet of what the seeds have in common
        const double end = -mean / std::min(pooled_error, paired_error) * looks / std::sqrt(seeds());
        return normal_tail((bound - end) / std::sqrt(looks - seeds()));
    }

    std::string text() const {
        std::string each;
        for (const double difference : differences) each += fmt::format(" {:+.5f}", difference);
        const std::string what = mean < 0   ? fmt::format("better by {:.5f}", -mean)
                                 : mean > 0 ? fmt::format("worse by {:.5f}", mean)
                                            : "equal";
        return fmt::format("{} on {} seed{}{}", what, differences.size(), seeds() > 1 ? "s:" : "",
                           seeds() > 1 ? each : "");
    }
};

namespace {

double ratio(double value, double base) {
    return value > 0 && base > 0 ? value / base : 1;
}

/// Everything of a comparison that a person wants to read, in one line.
std::string measured(const Experiment& incumbent, const Experiment& candidate, const auto& result,
                     double needed) {
    std::string text = result.text();
    if (result.tail < 1) {
        text += fmt::format(", confidence {:.1f} % ({:.1f} % needed)", 100 * (1 - result.tail),
                            100 * (1 - needed));
    }
    if (result.noise.degrees > 0) text += fmt::format(", noise {:.5f}", result.noise.sd);
    if (incumbent.source_tokens > 0 && candidate.source_tokens > 0) {
        const int more = candidate.source_tokens - incumbent.source_tokens;
        text += fmt::format("; source {:+} tokens ({:+.1f} %)", more, 100.0 * more / incumbent.source_tokens);
    }
    if (std::abs(result.speed - 1) > kOtherSpeed)
        text += fmt::format("; {:.2f}x the steps per second", result.speed);
    return text;
}

}  // namespace

PairedJudge::PairedJudge(const PairedJudgeOptions& options)
    : options_(options), bound_(sequential_bound(options.max_seeds, (1 - options.confidence) / 2)) {}

Noise PairedJudge::noise(const std::vector<Experiment>& history) const {
    return pooled_noise(history);
}

std::variant<MoreTrials, Verdict> PairedJudge::judge_baseline(const Experiment& candidate) const {
    Repeats mine;
    add(mine, candidate.trials);
    const int seeds = options_.one_trial ? 1 : options_.baseline_seeds;
    for (int i = 0; i < seeds; ++i) {
        if (!mine.contains(options_.seed + i)) return MoreTrials{options_.seed + i};
    }
    const Noise noise = pooled_noise({}, &candidate);
    return Verdict{Decision::keep, Ending::ok,
                   noise.degrees == 0 ? "baseline"
                                      : fmt::format("baseline; noise {:.5f} between {} seeds", noise.sd,
                                                    options_.baseline_seeds),
                   0};
}

std::variant<MoreTrials, Verdict> PairedJudge::judge(const Experiment* incumbent, const Experiment& candidate,
                                                     const std::vector<Experiment>& history) const {
    if (incumbent == nullptr) return judge_baseline(candidate);
    Repeats mine;
    add(mine, candidate.trials);
    std::uint64_t next = options_.seed;
    while (mine.contains(next)) ++next;
    if (mine.empty()) return MoreTrials{next};
    const Repeats theirs = repeats_of(*incumbent, candidate, history);
    for (const auto& [seed, trial] : mine) {
        if (!theirs.contains(seed)) return MoreTrials{seed, true};
    }

    const Comparison result(mine, theirs, pooled_noise(history, &candidate));
    const auto verdict = decide(*incumbent, candidate, result);
    if (verdict) return *verdict;
    return MoreTrials{next};
}

/// Nothing while another seed may change the answer.
std::optional<Verdict> PairedJudge::decide(const Experiment& incumbent, const Experiment& candidate,
                                           const Comparison& result) const {
    const double needed = 2 * normal_tail(bound_ / std::sqrt(result.seeds()));
    const double gain = -result.mean;
    const double size = ratio(candidate.source_tokens, incumbent.source_tokens);
    const double memory = ratio(candidate.peak_memory_mb(), incumbent.peak_memory_mb());
    const bool hungry = memory > options_.memory_factor;
    const auto verdict = [&](Decision decision, const std::string& why) {
        const std::string end = hungry ? fmt::format("; {:.1f}x the memory", memory) : "";
        return Verdict{decision, Ending::ok, why + measured(incumbent, candidate, result, needed) + end,
                       result.mean};
    };

    if (options_.one_trial) return verdict(gain > 0 ? Decision::keep : Decision::discard, "");
    if (gain > 0 && result.tail <= needed) {
        if (hungry && gain < kMemoryGain * result.noise.sd)
            return verdict(Decision::discard, "gains too little for its memory: ");
        if (size > kMuchCode && gain < result.noise.sd)
            return verdict(Decision::discard, "gains less than the noise for much code: ");
        return verdict(Decision::keep, "");
    }
    const bool simpler = size <= kClearlySmaller && !hungry && result.mean <= kLevel * result.pooled_error;
    if (result.seeds() < options_.max_seeds) {
        if (simpler || result.chance(options_.max_seeds, bound_) >= kLeastChance) return std::nullopt;
    } else if (simpler) {
        return verdict(Decision::keep, "simpler, and within the noise: ");
    }
    return verdict(Decision::discard, gain > 0 ? "within the noise: " : "");
}

}  // namespace autoresearch

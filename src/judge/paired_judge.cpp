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

/// The repeats of every code of a run, by experiment: its own trials, and those run later to compare others
/// with it.
std::map<int, Repeats> all_repeats(const std::vector<Experiment>& history, const Experiment* candidate) {
    std::map<int, Repeats> codes;
    int incumbent = 0;
    const auto read = [&](const Experiment& experiment) {
        for (const Trial& trial : experiment.reference_trials)
            if (trial.counts()) codes[incumbent].emplace(trial.seed, &trial);
        for (const Trial& trial : experiment.trials)
            if (trial.counts()) codes[experiment.number].emplace(trial.seed, &trial);
        if (experiment.verdict.decision == Decision::keep) incumbent = experiment.number;
    };
    for (const Experiment& experiment : history) read(experiment);
    if (candidate != nullptr) read(*candidate);
    return codes;
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

/// Candidate against incumbent on the seeds that both have.
struct PairedJudge::Comparison {
    std::vector<double> differences;  // val_bpb by seed; negative: the candidate is better
    double seeds = 0, mean = 0;
    double speed = 1;  // the candidate's steps per second in the incumbent's
    Noise noise;
    // Two standard errors of the mean. The first takes the noise of all repeats, as if a common seed had
    // nothing in common: never too small, and usable at once. The second is that of these very differences.
    double pooled_error = 0, paired_error = 0;
    double tail = 1;  // chance of such a mean or a better one when nothing is there: by either, so twice the
                      // smaller one (Bonferroni)

    Comparison(const Repeats& candidate, const Repeats& incumbent, Noise pooled) : noise(pooled) {
        double rate = 0, other_rate = 0;
        seeds = static_cast<double>(candidate.size());
        for (const auto& [seed, trial] : candidate) {
            const Trial& other = *incumbent.at(seed);
            differences.push_back(trial->val_bpb - other.val_bpb);
            mean += differences.back() / seeds;
            rate += trial->steps_per_second();
            other_rate += other.steps_per_second();
        }
        if (rate > 0 && other_rate > 0) speed = rate / other_rate;
        PooledVariance paired;
        paired.add(differences);
        pooled_error = noise.sd * std::sqrt(2 / seeds);
        paired_error = paired.sd() / std::sqrt(seeds);
        if (mean >= 0) return;
        if (noise.degrees > 0) tail = student_tail(-mean / pooled_error, noise.degrees);
        if (paired.degrees > 0) tail = std::min(tail, student_tail(-mean / paired_error, paired.degrees));
        tail = std::min(1.0, 2 * tail);
    }

    /// That `looks` seeds show it to be better in the end, if it goes on like this.
    double chance(int looks, double bound) const {
        if (mean >= 0) return 0;
        if (seeds == 1) return 1;  // nothing is known yet of what the seeds have in common
        const double end = -mean / std::min(pooled_error, paired_error) * looks / std::sqrt(seeds);
        return normal_tail((bound - end) / std::sqrt(looks - seeds));
    }

    /// What was measured and how sure it is, in one line for a person.
    std::string text(double needed) const {
        std::string line = mean < 0   ? fmt::format("better by {:.5f}", -mean)
                           : mean > 0 ? fmt::format("worse by {:.5f}", mean)
                                      : "equal";
        line += fmt::format(" on {} seed{}", seeds, seeds > 1 ? "s:" : "");
        for (const double difference : differences)
            if (seeds > 1) line += fmt::format(" {:+.5f}", difference);
        if (tail < 1)
            line +=
                fmt::format(", confidence {:.1f} % ({:.1f} % needed)", 100 * (1 - tail), 100 * (1 - needed));
        if (noise.degrees > 0) line += fmt::format(", noise {:.5f}", noise.sd);
        return line;
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
        const std::size_t needed = config_.judge == JudgeRule::plain ? 1 : config_.baseline_seeds;
        if (mine.size() < needed) return MoreTrials{next};
        const Noise noise = noise_of(codes);
        const std::string spread =
            noise.degrees == 0 ? "" : fmt::format("; noise {:.5f} between {} seeds", noise.sd, needed);
        return Verdict{Decision::keep, Ending::ok, "baseline" + spread, 0};
    }
    if (mine.empty()) return MoreTrials{next};
    const Repeats& theirs = codes[incumbent->number];
    for (const auto& [seed, trial] : mine)
        if (!theirs.contains(seed)) return MoreTrials{seed, true};
    const auto verdict = decide(*incumbent, candidate, Comparison(mine, theirs, noise_of(codes)));
    if (verdict) return *verdict;
    return MoreTrials{next};
}

/// Nothing while another seed may change the answer.
std::optional<Verdict> PairedJudge::decide(const Experiment& incumbent, const Experiment& candidate,
                                           const Comparison& result) const {
    const auto ratio = [](double value, double base) { return value > 0 && base > 0 ? value / base : 1; };
    const double needed = 2 * normal_tail(bound_ / std::sqrt(result.seeds));
    const double gain = -result.mean;
    const double size = ratio(candidate.source_tokens, incumbent.source_tokens);
    const double memory = ratio(candidate.peak_memory_mb(), incumbent.peak_memory_mb());
    const bool hungry = memory > config_.memory_factor;
    const auto verdict = [&](Decision decision, const std::string& why) {
        std::string reason = why + result.text(needed);
        if (candidate.source_tokens > 0)
            reason += fmt::format("; source {:+} tokens ({:+.1f} %)",
                                  candidate.source_tokens - incumbent.source_tokens, 100 * (size - 1));
        if (std::abs(result.speed - 1) > kOtherSpeed)
            reason += fmt::format("; {:.2f}x the steps per second", result.speed);
        if (hungry) reason += fmt::format("; {:.1f}x the memory", memory);
        return Verdict{decision, Ending::ok, reason, result.mean};
    };

    if (config_.judge == JudgeRule::plain) return verdict(gain > 0 ? Decision::keep : Decision::discard, "");
    if (gain > 0 && result.tail <= needed) {
        if (hungry && gain < kMemoryGain * result.noise.sd)
            return verdict(Decision::discard, "gains too little for its memory: ");
        if (size > kMuchCode && gain < result.noise.sd)
            return verdict(Decision::discard, "gains less than the noise for much code: ");
        return verdict(Decision::keep, "");
    }
    const bool simpler = size <= kClearlySmaller && !hungry && result.mean <= kLevel * result.pooled_error;
    if (result.seeds < config_.max_seeds) {
        if (simpler || result.chance(config_.max_seeds, bound_) >= kLeastChance) return std::nullopt;
    } else if (simpler) {
        return verdict(Decision::keep, "simpler, and within the noise: ");
    }
    return verdict(Decision::discard, gain > 0 ? "within the noise: " : "");
}

}  // namespace autoresearch

#include "view/sentences.h"

#include <spdlog/fmt/fmt.h>

#include <cmath>

namespace autoresearch {
namespace {

constexpr double kOtherSpeed = 0.1;  // a difference in steps per second worth mentioning
constexpr double kMuchMemory = 1.5;  // times the incumbent's, likewise
constexpr double kSameSpeed = 0.03;  // a smaller difference in steps is none

std::string baseline_sentence(const Evidence& evidence) {
    const Noise& noise = evidence.noise;
    if (noise.degrees == 0) return "baseline";
    return fmt::format("baseline; noise {:.5f} between {} seeds", noise.sd, std::int64_t{noise.degrees} + 1);
}

std::string_view opening(Ground ground) {
    switch (ground) {
        case Ground::within_noise:
            return "within the noise: ";
        case Ground::simpler:
            return "simpler, and within the noise: ";
        case Ground::too_much_code:
            return "gain below the noise for much more code: ";
        case Ground::too_much_memory:
            return "gain too small for the extra memory: ";
        case Ground::none:
        case Ground::baseline:
        case Ground::measured:
            break;
    }
    return "";
}

/// What was measured, and how certain it is.
std::string measured(const Evidence& evidence) {
    const double mean = evidence.difference;
    const std::size_t seeds = evidence.seeds.size();
    std::string line = mean < 0   ? fmt::format("better by {:.5f}", -mean)
                       : mean > 0 ? fmt::format("worse by {:.5f}", mean)
                                  : "equal";
    line += fmt::format(" on {} seed{}", seeds, seeds > 1 ? "s:" : "");
    for (const SeedDifference& each : evidence.seeds)
        if (seeds > 1) line += fmt::format(" {:+.5f}", each.difference);
    if (evidence.tail < 1)
        line += fmt::format(", confidence {:.1f} % ({:.1f} % needed)", 100 * (1 - evidence.tail),
                            100 * (1 - evidence.needed));
    if (evidence.noise.degrees > 0) line += fmt::format(", noise {:.5f}", evidence.noise.sd);
    return line;
}

/// What the change costs, and where the difference comes from.
std::string costs(const Evidence& evidence) {
    std::string line;
    if (evidence.incumbent_tokens > 0)
        line += fmt::format("; source {:+} tokens ({:+.1f} %)", evidence.tokens,
                            100.0 * evidence.tokens / evidence.incumbent_tokens);
    if (std::abs(evidence.speed - 1) > kOtherSpeed)
        line += fmt::format("; {:.2f}x the steps per second", evidence.speed);
    if (evidence.memory > kMuchMemory || evidence.ground == Ground::too_much_memory)
        line += fmt::format("; {:.1f}x the memory", evidence.memory);
    const auto& [steps, loss] = evidence.equal_steps;
    if (steps > 0)
        line += fmt::format("; {}{} steps: {:.2f}x as many, loss {:+.4f} at equal steps",
                            steps > 1 + kSameSpeed   ? "faster, "
                            : steps < 1 - kSameSpeed ? "slower, "
                                                     : "",
                            loss < 0 ? "better" : "no better", steps, loss);
    return line;
}

}  // namespace

std::string verdict_sentence(const Verdict& verdict) {
    const Evidence& evidence = verdict.evidence;
    if (evidence.ground == Ground::none) return verdict.reason;
    if (evidence.ground == Ground::baseline) return baseline_sentence(evidence);
    return std::string(opening(evidence.ground)) + measured(evidence) + costs(evidence);
}

}  // namespace autoresearch

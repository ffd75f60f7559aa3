#include "judge/trial_curves.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>

#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr double kSameSpeed = 0.03;  // a difference in steps that is none

/// The trial with this seed that counts, or null.
const Trial* find_trial(const Experiment& experiment, std::uint64_t seed) {
    for (const Trial& trial : experiment.trials) {
        if (trial.seed == seed && trial.counts()) return &trial;
    }
    return nullptr;
}

/// The first trial that counts, with the incumbent's of the same seed.
std::optional<std::pair<const Trial*, const Trial*>> first_pair(const Experiment& candidate,
                                                                const Experiment& incumbent) {
    for (const Trial& trial : candidate.trials) {
        if (!trial.counts()) continue;
        const Trial* other = find_trial(incumbent, trial.seed);
        return other == nullptr ? std::nullopt : std::optional(std::pair(&trial, other));
    }
    return std::nullopt;
}

double mean_of(const std::vector<double>& values, std::size_t first, std::size_t last) {
    return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(first),
                           values.begin() + static_cast<std::ptrdiff_t>(last), 0.0) /
           static_cast<double>(last - first);
}

}  // namespace

Curve read_curve(const fs::path& file) {
    Curve curve;
    const auto text = try_read_file(file);
    if (!text) return curve;
    for (const std::string_view line : split_lines(*text)) {
        double share = 0, loss = 0;
        const std::string row(line);  // the header and a torn line have no numbers
        // NOLINTNEXTLINE(bugprone-unchecked-string-to-number-conversion)
        if (std::sscanf(row.c_str(), "%*d,%*f,%lf,%lf,", &share, &loss) != 2) continue;
        curve.share.push_back(share);
        curve.loss.push_back(loss);
    }
    return curve;
}

fs::path find_curve(const fs::path& folder, const Trial& trial) {
    for (const fs::path& file : {folder / fmt::format("curve-{}.csv", trial.seed), folder / "curve.csv"}) {
        const auto steps = static_cast<std::int64_t>(read_curve(file).loss.size());
        if (steps > 0 && steps == trial.num_steps) return file;
    }
    return {};
}

std::vector<Race> finished_races(const std::vector<Experiment>& history,
                                 const std::function<fs::path(int)>& folder) {
    std::vector<Race> races;
    const Experiment* incumbent = nullptr;
    for (const Experiment& experiment : history) {
        if (incumbent != nullptr) {
            if (const auto pair = first_pair(experiment, *incumbent)) {
                const auto [trial, other] = *pair;
                const auto known = race(read_curve(find_curve(folder(experiment.number), *trial)),
                                        read_curve(find_curve(folder(incumbent->number), *other)),
                                        trial->val_bpb - other->val_bpb);
                if (known) races.push_back(*known);
            }
        }
        if (experiment.verdict.decision == Decision::keep) incumbent = &experiment;
    }
    return races;
}

std::string explain_curves(const Curve& candidate, const Curve& incumbent) {
    const std::size_t steps = std::min(candidate.loss.size(), incumbent.loss.size());
    if (steps == 0) return "";
    const std::size_t first = steps - std::max<std::size_t>(1, steps / 10);
    const double loss = mean_of(candidate.loss, first, steps) - mean_of(incumbent.loss, first, steps);
    const double speed =
        static_cast<double>(candidate.loss.size()) / static_cast<double>(incumbent.loss.size());
    const char* steps_are = loss < 0 ? "better" : "no better";
    const char* speed_is = speed > 1 + kSameSpeed ? "faster" : speed < 1 - kSameSpeed ? "slower" : "";
    return fmt::format("; {}{}{} steps: {:.2f}x as many, loss {:+.4f} at equal steps", speed_is,
                       *speed_is == 0 ? "" : ", ", steps_are, speed, loss);
}

Hopeless TrialCurves::early_end(const Experiment& incumbent, const Experiment& candidate, std::uint64_t seed,
                                const std::vector<Experiment>& history, const Noise& noise) const {
    const Trial* other = find_trial(incumbent, seed);
    if (!early_ || other == nullptr) return {};
    const EarlyEndRule rule(finished_races(history, folder_), noise.sd);
    const fs::path theirs = find_curve(folder_(incumbent.number), *other);
    if (!rule.ready() || theirs.empty()) return {};
    // The trainer's second curve in a folder has the seed in its name.
    const fs::path first = folder_(candidate.number) / "curve.csv";
    const fs::path mine = fs::exists(first) ? first.parent_path() / fmt::format("curve-{}.csv", seed) : first;
    const auto next = std::make_shared<std::size_t>(0);
    return [=, incumbents = read_curve(theirs)](double share, double) -> std::optional<std::string> {
        if (*next == kCheckpoints.size() || share < kCheckpoints[*next]) return std::nullopt;
        const Curve curve = read_curve(mine);
        // The event may come before the steps are in the file: the next one asks again.
        if (curve.share.empty() || curve.share.back() < kCheckpoints[*next]) return std::nullopt;
        const std::size_t checkpoint = (*next)++;
        const auto distance = behind(curve, incumbents, kCheckpoints[checkpoint]);
        if (!distance || !rule.hopeless(checkpoint, *distance)) return std::nullopt;
        return fmt::format("sure to lose: training loss {:.4f} behind at {:.0f} % of the budget", *distance,
                           100 * kCheckpoints[checkpoint]);
    };
}

std::string TrialCurves::explain(const Experiment& incumbent, const Experiment& candidate) const {
    const auto pair = first_pair(candidate, incumbent);
    if (!pair) return "";
    return explain_curves(read_curve(find_curve(folder_(candidate.number), *pair->first)),
                          read_curve(find_curve(folder_(incumbent.number), *pair->second)));
}

}  // namespace autoresearch

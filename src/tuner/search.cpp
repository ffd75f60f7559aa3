#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "tuner/tuner.h"
#include "util/hash.h"

namespace autoresearch {
namespace {

constexpr double kSame = 0.005;        // relative difference that is only rounding
constexpr double kFewSteps = 2000;     // fewer leave a model of this size mostly untrained
constexpr double kSmallBatch = 16384;  // tokens; gradients of fewer are mostly noise
constexpr double kLongest = 4;         // steps at once
constexpr std::size_t kCoordinateSteps = 20;

/// One change of one constant.
struct Tried {
    bool up = true, kept = false;
    double from = 0, to = 0, difference = 0;
};

/// What earlier experiments say about one constant.
struct Line {
    std::vector<Tried> tried;  // alone, oldest first
    std::vector<double> used;

    bool has_used(double value) const {
        return std::any_of(used.begin(), used.end(),
                           [&](double other) { return std::abs(value - other) <= kSame * std::abs(other); });
    }
    /// The last one, if the constant still has the value that it was tried from, or got.
    const Tried* last(double value) const {
        if (tried.empty()) return nullptr;
        return (tried.back().kept ? tried.back().to : tried.back().from) == value ? &tried.back() : nullptr;
    }
};

/// The constants that an experiment changed. The device batch follows the total (see couple()).
std::vector<std::string> changes(const Attempt& attempt) {
    std::vector<std::string> names;
    for (const auto& [name, after] : attempt.after) {
        const auto before = attempt.before.find(name);
        if (before != attempt.before.end() && before->second != after) names.push_back(name);
    }
    if (names.size() > 1 && std::find(names.begin(), names.end(), kTotalBatch) != names.end())
        std::erase(names, kDeviceBatch);
    return names;
}

Line line_of(const std::string& name, const std::vector<Attempt>& history) {
    Line line;
    for (const Attempt& attempt : history) {
        const auto names = changes(attempt);
        if (std::find(names.begin(), names.end(), name) == names.end()) continue;
        const double from = attempt.before.at(name), to = attempt.after.at(name);
        line.used.insert(line.used.end(), {from, to});
        if (names.size() == 1) line.tried.push_back({to > from, attempt.kept, from, to, attempt.difference});
    }
    return line;
}

bool is_size(const std::string& name) {
    return name == "DEPTH" || name == "ASPECT_RATIO" || name == "WIDTH";
}

/// Sizes and the batch, then the learning rates, then the rest.
int tier_of(const std::string& name) {
    if (is_size(name)) return 0;
    if (name == kTotalBatch) return 1;
    return name.ends_with("LR") ? 2 : 3;
}

/// The way to go first, and why.
std::pair<bool, std::string> first_way(const Hyperparameter& parameter, const Budget& budget, double coin) {
    const bool few = budget.steps > 0 && budget.steps < kFewSteps;
    if (is_size(parameter.name))
        return {!few, budget.steps <= 0 ? "not tried yet"
                      : few ? fmt::format("{:.0f} steps are few: cheaper ones first", budget.steps)
                            : fmt::format("{:.0f} steps are many: size first", budget.steps)};
    if (parameter.name == kTotalBatch)
        return parameter.value < kSmallBatch
                   ? std::pair{true, fmt::format("{:.0f} tokens make a noisy step", parameter.value)}
                   : std::pair{false, std::string("smaller batches give more steps")};
    return {tier_of(parameter.name) == 2 || coin < 0.5, "not tried yet"};
}

using Order = std::tuple<int, int, double>;  // the smallest is the next

struct Candidate {
    Order order;
    Step step;
};

/// The steps of one constant that make sense now.
std::vector<Candidate> steps_of(const Hyperparameter& parameter, const Line& line, const Budget& budget,
                                std::uint64_t seed) {
    std::vector<Candidate> found;
    const double coin = static_cast<double>(xxh64(parameter.name, seed)) / 0x1p64;
    const int tier = tier_of(parameter.name);
    const auto add = [&](int rank, bool up, double length, const std::string& why) {
        const auto to = stepped(parameter, up, length);
        if (to && !line.has_used(*to)) found.push_back({{rank, tier, coin}, {{{parameter, *to}}, why}});
    };
    const auto [first_up, reason] = first_way(parameter, budget, coin);
    const Tried* last = line.last(parameter.value);
    if (last == nullptr) {  // never tried, or by others that changed more than this
        const int rank = tier < 2 ? 1 : tier == 2 ? 4 : 6;
        add(rank, first_up, 1, reason);
        if (found.empty()) add(rank, !first_up, 1, reason);
        return found;
    }
    const double length = std::abs(coordinate(parameter, last->to) - coordinate(parameter, last->from)) /
                          std::abs(coordinate(parameter, stepped(parameter, last->up, 1).value_or(last->to)) -
                                   coordinate(parameter, parameter.value) + 1e-9);
    if (last->kept) {
        add(0, last->up, std::min(kLongest, 2 * length), "it helped: on, and further");
        add(0, last->up, 1, "it helped: on");
    } else if (last->difference < 0) {
        add(tier == 0 ? 1 : 5, last->up, std::min(kLongest, 2 * length), "nearly better: a longer step");
    }
    const bool near_size = tier == 0 && !last->kept && last->difference < 0;
    add(tier < 2 && !near_size ? 2 : 7, !last->up, 1, "the other way did not help");
    // Half of a step that lost much may win; half of one that lost little cannot be seen.
    if (!last->kept && !parameter.integer && length > 1 && last->difference > 2 * budget.noise)
        add(8, last->up, length / 2, "half of a step that was too long");
    return found;
}

/// The two nearest misses that can still be made from here, together.
std::optional<Candidate> pair_of(const std::vector<Hyperparameter>& current,
                                 const std::vector<Attempt>& history) {
    std::vector<std::pair<double, Move>> misses;
    for (const Hyperparameter& parameter : current) {
        const Line line = line_of(parameter.name, history);
        const Tried* last = line.last(parameter.value);
        if (last != nullptr && !last->kept && last->difference < 0)
            misses.emplace_back(last->difference, Move{parameter, last->to});
    }
    if (misses.size() < 2) return std::nullopt;
    std::sort(misses.begin(), misses.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    Step step{{misses[0].second, misses[1].second}, "each was nearly better"};
    return Candidate{{3, 0, 0}, step};
}

/// The width is rounded up to whole heads: another ratio may give the same one.
bool has_no_effect(const Step& step, const std::vector<Hyperparameter>& current) {
    const Values before = values_of(current), after = values_after(step, current);
    const auto heads = [](const Values& values) {
        return std::ceil(values.at("DEPTH") * values.at("ASPECT_RATIO") / values.at("HEAD_DIM"));
    };
    const bool known = before.contains("DEPTH") && before.contains("HEAD_DIM");
    return known && step.moves.size() == 1 && step.moves[0].parameter.name == "ASPECT_RATIO" &&
           heads(before) == heads(after);
}

}  // namespace

std::optional<Step> next_step(const std::vector<Hyperparameter>& current, const std::vector<Attempt>& history,
                              const Budget& budget, std::uint64_t seed) {
    std::vector<Candidate> candidates;
    for (const Hyperparameter& parameter : current) {
        if (!can_move(parameter)) continue;
        for (Candidate& each : steps_of(parameter, line_of(parameter.name, history), budget, seed))
            candidates.push_back(std::move(each));
    }
    if (auto pair = pair_of(current, history)) candidates.push_back(*std::move(pair));
    for (Candidate& each : candidates) couple(each.step, current);
    std::erase_if(candidates, [&](const Candidate& each) {
        return was_tried(each.step, current, history) || has_no_effect(each.step, current);
    });
    const auto best =
        std::min_element(candidates.begin(), candidates.end(),
                         [](const Candidate& a, const Candidate& b) { return a.order < b.order; });
    const bool late = history.size() > kCoordinateSteps;
    if (late || best == candidates.end())
        if (auto step = expected_step(current, history, budget, seed)) return step;
    if (best == candidates.end()) return std::nullopt;
    return std::move(best->step);
}

}  // namespace autoresearch

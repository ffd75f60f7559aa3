#include "tuner/search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <set>
#include <tuple>

#include "util/hash.h"

namespace autoresearch {

namespace {

constexpr double kFirstFactor = 1.75;  // of the first step; a level shorter is its square root
constexpr int kLongest = -1;
constexpr int kShortest = 5;  // 1.75 ^ (1/32): below that every difference is noise
constexpr std::size_t kPairEvery = 6;
constexpr const char* kTotalBatch = "TOTAL_BATCH_SIZE";
constexpr const char* kDeviceBatch = "DEVICE_BATCH_SIZE";

enum Direction { down = 0, up = 1 };

Direction opposite(Direction direction) {
    return direction == up ? down : up;
}

bool contains(const std::string& name, const char* part) {
    return name.find(part) != std::string::npos;
}

bool ends_with(const std::string& name, const char* part) {
    return std::string_view(name).ends_with(part);
}

/// A constant that means something in [0, 1] only.
bool is_share(const Hyperparameter& parameter) {
    if (parameter.integer || parameter.value < 0 || parameter.value > 1) return false;
    const auto& name = parameter.name;
    return ends_with(name, "RATIO") || ends_with(name, "FRAC") || ends_with(name, "FRACTION") ||
           contains(name, "BETA") || contains(name, "MOMENTUM") || contains(name, "DROPOUT");
}

double stepped_integer(const Hyperparameter& parameter, Direction direction) {
    const double value = parameter.value;
    const bool power_of_two = value > 1 && std::exp2(std::round(std::log2(value))) == value;
    const bool counts = contains(parameter.name, "DEPTH") || contains(parameter.name, "LAYER");
    if (parameter.shift || (power_of_two && !counts))
        return std::round(direction == up ? value * 2 : value / 2);
    if (counts || value < 16) return std::max(value + (direction == up ? 1 : -1), value == 0 ? 0.0 : 1.0);
    return std::max(1.0, std::round(value * (direction == up ? 1.5 : 1 / 1.5)));
}

/// The value one step away, rounded as it will be written; the value itself when there is no such step.
double stepped(const Hyperparameter& parameter, Direction direction, int level) {
    if (parameter.name == "HEAD_DIM") return parameter.value;  // kernels are made for few values of it
    if (parameter.integer) return stepped_integer(parameter, direction);

    const double value = parameter.value;
    const double stretch = std::pow(kFirstFactor, std::pow(0.5, level));
    const double factor = direction == up ? stretch : 1 / stretch;
    double next = value * factor;
    if (value == 0) {
        next = direction == up ? (is_share(parameter) ? 0.05 : 0.01) * std::pow(0.5, level) : 0;
    } else if (is_share(parameter)) {
        const double odds = value < 1 ? value / (1 - value) * factor : (direction == up ? value : 19.0);
        next = value == 1 && direction == up ? 1 : odds / (1 + odds);
    }
    return std::strtod(number_text(parameter, next).c_str(), nullptr);
}

/// What earlier experiments say about one constant.
struct Trend {
    int tries = 0;
    int level = 0;                    // of the next step: higher is shorter
    std::optional<Direction> helped;  // the direction of the last keep
    bool follow = false;              // the last try was a keep
    std::array<bool, 2> failed{};     // at this level
    std::array<double, 2> cost{};     // delta of the last failure in that direction; huge for a crash

    void learn(Direction direction, const Attempt& attempt) {
        ++tries;
        if (attempt.kept) {
            if (follow && helped == direction) level = std::max(level - 1, kLongest);
            follow = true;
            helped = direction;
            failed[direction] = false;
            failed[opposite(direction)] = true;  // that is where it came from
            cost[opposite(direction)] = std::max(0.0, -attempt.delta);
            return;
        }
        follow = false;
        failed[direction] = true;
        cost[direction] = attempt.crashed ? 1e9 : std::max(0.0, attempt.delta);
        if (!failed[up] || !failed[down]) return;
        ++level;
        failed = {};
    }

    /// How much a shorter step may gain by the parabola through the three points known, up to a constant
    /// factor.
    double promise() const {
        const double sum = cost[up] + cost[down];
        return sum > 0 && sum < 1e8 ? (cost[up] - cost[down]) * (cost[up] - cost[down]) / sum : 0;
    }
};

std::map<std::string, Trend> trends_of(const std::vector<Attempt>& history) {
    std::map<std::string, Trend> trends;
    for (const auto& attempt : history) {
        std::vector<std::pair<std::string, Direction>> changes;
        for (const auto& [name, before] : attempt.before) {
            const auto after = attempt.after.find(name);
            if (after == attempt.after.end() || after->second == before) continue;
            changes.emplace_back(name, after->second > before ? up : down);
        }
        // The batch sizes move together (see couple()); that says something about the total only.
        std::erase_if(changes, [&](const auto& change) {
            return change.first == kDeviceBatch && changes.size() == 2 &&
                   std::any_of(changes.begin(), changes.end(),
                               [](const auto& c) { return c.first == kTotalBatch; });
        });
        // Of two constants that failed together nobody knows which one it was.
        if (changes.size() > 2 || (changes.size() == 2 && !attempt.kept)) continue;
        for (const auto& [name, direction] : changes) trends[name].learn(direction, attempt);
    }
    return trends;
}

class Search {
  public:
    Search(const std::vector<Hyperparameter>& current, const std::vector<Attempt>& history,
           std::uint64_t seed)
        : current_(current), start_(values_of(current)), trends_(trends_of(history)), seed_(seed) {
        tried_.insert(start_);
        for (const auto& attempt : history) tried_.insert(attempt.after);
    }

    std::optional<Step> best_single() const {
        std::optional<Candidate> best;
        for (const auto& parameter : current_) {
            for (const auto direction : {up, down}) {
                auto candidate = make(parameter, direction);
                if (candidate && (!best || candidate->order < best->order)) best = std::move(candidate);
            }
        }
        if (!best) return std::nullopt;
        return best->step;
    }

    bool following() const {
        return std::any_of(trends_.begin(), trends_.end(),
                           [](const auto& trend) { return trend.second.follow; });
    }

    /// The two constants whose last keeps gained most move on together.
    std::optional<Step> best_pair() const {
        std::vector<std::pair<double, Move>> helpers;
        for (const auto& parameter : current_) {
            const Trend trend = trend_of(parameter.name);
            if (!trend.helped || parameter.integer) continue;  // an integer has no shorter step
            const double to = stepped(parameter, *trend.helped, std::min(trend.level, kShortest));
            if (to != parameter.value)
                helpers.push_back({-trend.cost[opposite(*trend.helped)], {parameter, to}});
        }
        if (helpers.size() < 2) return std::nullopt;
        std::stable_sort(helpers.begin(), helpers.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        Step step{{helpers[0].second, helpers[1].second}, "both helped before"};
        if (tried(step)) return std::nullopt;
        return step;
    }

  private:
    struct Candidate {
        Step step;
        std::tuple<int, double, double, double> order;  // smallest first
    };

    Trend trend_of(const std::string& name) const {
        const auto found = trends_.find(name);
        return found == trends_.end() ? Trend{} : found->second;
    }

    bool tried(const Step& step) const {
        Values values = start_;
        for (const auto& move : step.moves) values[move.parameter.name] = move.to;
        return tried_.contains(values);
    }

    /// A smaller total batch is none as long as one pass is as large as before.
    void couple(Step& step, Direction direction) const {
        if (step.moves[0].parameter.name != kTotalBatch || direction != down) return;
        for (const auto& parameter : current_) {
            if (parameter.name != kDeviceBatch || parameter.value <= 1) continue;
            step.moves.push_back({parameter, stepped(parameter, down, 0)});
        }
    }

    double coin(const std::string& name, const char* purpose) const {
        return static_cast<double>(fnv1a(name, fnv1a(purpose, kFnvOffset + seed_))) / 0x1p64;
    }

    Direction first_direction(const std::string& name) const {
        if (ends_with(name, "LR")) return up;
        if (contains(name, "BATCH")) return down;
        return coin(name, "direction") < 0.5 ? up : down;
    }

    /// Smallest first: the first learning rate of the file, the batch size, the other learning rates, the
    /// rest.
    double rank(const std::string& name) const {
        if (name == kTotalBatch || name == "BATCH_SIZE") return 1;
        if (!ends_with(name, "LR")) return 3 + coin(name, "order");
        const auto first = std::find_if(current_.begin(), current_.end(), [](const Hyperparameter& other) {
            return ends_with(other.name, "LR");
        });
        return first->name == name ? 0 : 2;
    }

    /// The longest step this way that gives values nobody tried, from the constant's present level on.
    std::optional<Candidate> make(const Hyperparameter& parameter, Direction direction) const {
        const Trend trend = trend_of(parameter.name);
        for (int level = trend.level + (trend.failed[direction] ? 1 : 0); level <= kShortest; ++level) {
            Step step{{{parameter, stepped(parameter, direction, level)}}, ""};
            if (step.moves[0].to == parameter.value) continue;
            couple(step, direction);
            if (tried(step)) continue;
            return rated(std::move(step), trend, direction, level);
        }
        return std::nullopt;
    }

    Candidate rated(Step step, const Trend& trend, Direction direction, int level) const {
        const auto& name = step.moves[0].parameter.name;
        const bool repeat = trend.follow && trend.helped == direction;
        if (repeat && level == trend.level) {
            step.why = "it helped before";
            return {std::move(step), {0, 0, 0, 0}};
        }
        if (trend.tries == 0) {
            step.why = "not tried yet";
            return {std::move(step), {1, rank(name), direction == first_direction(name) ? 0 : 1, 0}};
        }
        const char* shorter = step.moves[0].parameter.integer ? "again, from the new best" : "a shorter step";
        const bool turn = trend.failed[opposite(direction)] && !trend.failed[direction];
        step.why = turn ? "the other way did not help" : shorter;
        // Turning round pays most where the failure was clear; a crash says nothing about the slope.
        const double failure = trend.cost[opposite(direction)];
        const double promise = turn ? (failure < 1e8 ? failure : 0) : trend.promise();
        const double dear = trend.cost[direction];
        return {std::move(step), {2 + level - kLongest, turn ? 0 : 1, -promise, dear}};
    }

    const std::vector<Hyperparameter>& current_;
    Values start_;
    std::map<std::string, Trend> trends_;
    std::set<Values> tried_;
    std::uint64_t seed_;
};

}  // namespace

Values values_of(const std::vector<Hyperparameter>& parameters) {
    Values values;
    for (const auto& parameter : parameters) values[parameter.name] = parameter.value;
    return values;
}

std::optional<Step> next_step(const std::vector<Hyperparameter>& current, const std::vector<Attempt>& history,
                              std::uint64_t seed) {
    const Search search(current, history, seed);
    const bool pair_now = history.size() % kPairEvery == kPairEvery - 1 && !search.following();
    if (pair_now) {
        if (auto pair = search.best_pair()) return pair;
    }
    return search.best_single();
}

std::string describe(const Step& step) {
    std::string text;
    for (const auto& [parameter, to] : step.moves) {
        text += (text.empty() ? "" : ", ") + std::string(to > parameter.value ? "raise " : "lower ") +
                parameter.name + " " + number_text(parameter, parameter.value) + " -> " +
                number_text(parameter, to);
    }
    return text + " (" + step.why + ")";
}

}  // namespace autoresearch

#include "tuner/search.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <tuple>

#include "util/hash.h"

namespace autoresearch {
namespace {

constexpr double kFirstFactor = 1.75;  // of the first step; a level shorter is its square root
constexpr int kLevels = 6;             // the last is 1.75 ^ (1/32): below that every difference is noise
constexpr const char* kTotalBatch = "TOTAL_BATCH_SIZE";
constexpr const char* kDeviceBatch = "DEVICE_BATCH_SIZE";

bool contains(const std::string& name, std::initializer_list<const char*> parts) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](const char* part) { return name.find(part) != std::string::npos; });
}

/// A constant that means something in [0, 1] only.
bool is_share(const Hyperparameter& parameter) {
    return !parameter.integer && parameter.value >= 0 && parameter.value <= 1 &&
           contains(parameter.name, {"RATIO", "FRAC", "BETA", "MOMENTUM", "DROPOUT"});
}

double stepped_integer(const Hyperparameter& parameter, bool up) {
    const double value = parameter.value;
    const bool counts = value < 2 || contains(parameter.name, {"DEPTH", "LAYER"});
    if (counts) return value + (up ? 1 : -1);
    const double factor = std::exp2(std::round(std::log2(value))) == value ? 2 : 1.5;
    return std::round(up ? value * factor : value / factor);
}

double stepped_real(const Hyperparameter& parameter, bool up, int level) {
    const double size = std::pow(0.5, level);
    const double factor = std::pow(kFirstFactor, up ? size : -size);
    const double value = parameter.value;
    if (value == 0) return (is_share(parameter) ? 0.05 : 0.01) * size;
    if (!is_share(parameter)) return value * factor;
    const double share = std::min(value, 0.95);
    const double odds = share / (1 - share) * factor;
    return odds / (1 + odds);
}

/// The value one step away, rounded as it will be written; nothing when there is no such step.
std::optional<double> stepped(const Hyperparameter& parameter, bool up, int level) {
    if (parameter.name == "HEAD_DIM") return std::nullopt;  // kernels are made for few values of it
    const double next =
        parameter.integer ? stepped_integer(parameter, up) : stepped_real(parameter, up, level);
    const double written = std::strtod(number_text(parameter, next).c_str(), nullptr);
    const bool possible = parameter.integer ? written >= 1 : !is_share(parameter) || written < 1;
    if (!possible || written == parameter.value || (written > parameter.value) != up) return std::nullopt;
    return written;
}

/// What earlier experiments say about one constant.
struct Trend {
    bool up = true;  // the way to go first
    bool tried = false;
    bool helped = false;  // the last time
    int failures = 0;     // odd: now the other way; every two make the step a level shorter

    void learn(bool went_up, bool kept) {
        // Behind a step that helped lies where it came from: there is no other way to try.
        failures = kept ? failures / 2 * 2 : failures + (helped ? 2 : 1);
        if (kept) up = went_up;
        helped = kept;
        tried = true;
    }
};

Trend trend_of(const std::string& name, bool first_way, const std::vector<Attempt>& history) {
    Trend trend;
    trend.up = first_way;
    for (const Attempt& attempt : history) {
        const auto change = [&](const char* of) {
            const auto before = attempt.before.find(of);
            const auto after = attempt.after.find(of);
            const bool known = before != attempt.before.end() && after != attempt.after.end();
            return known ? after->second - before->second : 0;
        };
        // The batch of the device follows the total (see couple()); that says something about the total only.
        const double changed = change(name.c_str());
        if (changed == 0 || (name == kDeviceBatch && change(kTotalBatch) != 0)) continue;
        trend.learn(changed > 0, attempt.kept);
    }
    return trend;
}

/// A smaller total batch is none as long as one pass is as large as before.
void couple(Step& step, const std::vector<Hyperparameter>& current) {
    const Move& first = step.moves.front();
    if (first.parameter.name != kTotalBatch || first.to > first.parameter.value) return;
    for (const Hyperparameter& parameter : current) {
        if (parameter.name != kDeviceBatch) continue;
        if (const auto to = stepped(parameter, false, 0)) step.moves.push_back({parameter, *to});
    }
}

/// Smallest first: the first learning rate of the file, the batch, the other learning rates, the rest.
double rank_of(const Hyperparameter& parameter, const std::vector<Hyperparameter>& current, double coin) {
    const auto is_rate = [](const Hyperparameter& other) { return other.name.ends_with("LR"); };
    if (parameter.name == kTotalBatch || parameter.name == "BATCH_SIZE") return 1;
    if (!is_rate(parameter)) return 3 + coin;
    return std::find_if(current.begin(), current.end(), is_rate)->name == parameter.name ? 0 : 2 + coin;
}

const char* reason(const Trend& trend, int failures, bool integer) {
    if (!trend.tried) return "not tried yet";
    if (trend.helped && failures == trend.failures) return "it helped before";
    if (failures % 2 == 1) return "the other way did not help";
    return integer ? "again, from the new best" : "a shorter step";
}

}  // namespace

Values values_of(const std::vector<Hyperparameter>& parameters) {
    Values values;
    for (const auto& parameter : parameters) values[parameter.name] = parameter.value;
    return values;
}

std::optional<Step> next_step(const std::vector<Hyperparameter>& current, const std::vector<Attempt>& history,
                              std::uint64_t seed) {
    std::set<Values> tried = {values_of(current)};
    for (const Attempt& attempt : history) tried.insert(attempt.after);

    using Order = std::tuple<bool, int, double>;  // the smallest is the next
    std::optional<std::pair<Order, Step>> best;
    for (const Hyperparameter& parameter : current) {
        const std::string& name = parameter.name;
        const double coin = static_cast<double>(xxh64(name, seed)) / 0x1p64;
        const bool first_way = name.ends_with("LR") || (!contains(name, {"BATCH"}) && coin < 0.5);
        const Trend trend = trend_of(name, first_way, history);
        for (int failures = trend.failures; failures < 2 * kLevels; ++failures) {
            const int level = failures / 2;
            const auto to = stepped(parameter, (failures % 2 == 0) == trend.up, level);
            if (!to) continue;
            Step step{{{parameter, *to}}, reason(trend, failures, parameter.integer)};
            couple(step, current);
            Values values = values_of(current);
            for (const Move& move : step.moves) values[move.parameter.name] = move.to;
            if (tried.contains(values)) continue;
            const Order order{!trend.helped, trend.tried ? 1 + level : 0, rank_of(parameter, current, coin)};
            if (!best || order < best->first) best.emplace(order, std::move(step));
            break;
        }
    }
    if (!best) return std::nullopt;
    return std::move(best->second);
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

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tuner/tuner.h"

namespace autoresearch {
namespace {

constexpr double kFactor = 1.75;  // of a number's usual step

enum class Kind {
    fixed,   // kernels support only a few values
    count,   // of layers
    whole,   // a power of two stays one
    share,   // meaningful only in [0, 1]
    number,  // moves by factors
};

Kind kind_of(const Hyperparameter& parameter) {
    static const std::pair<const char*, Kind> kNames[] = {
        {"HEAD_DIM", Kind::fixed}, {"DEPTH", Kind::count},  {"LAYER", Kind::count},
        {"RATIO", Kind::share},    {"FRAC", Kind::share},   {"BETA", Kind::share},
        {"MOMENTUM", Kind::share}, {"DROPOUT", Kind::share}};
    for (const auto& [part, kind] : kNames) {
        if (parameter.name.find(part) == std::string::npos) continue;
        const bool fits = kind == Kind::share
                              ? !parameter.integer && parameter.value >= 0 && parameter.value <= 1
                              : parameter.integer;
        if (fits) return kind;
    }
    if (!parameter.integer) return Kind::number;
    return parameter.value < 2 ? Kind::count : Kind::whole;
}

double odds(double share) {
    const double inner = std::clamp(share, 0.005, 0.95);
    return inner / (1 - inner);
}

double unrounded(const Hyperparameter& parameter, bool up, double length) {
    const double value = parameter.value, sign = up ? length : -length;
    switch (kind_of(parameter)) {
        case Kind::fixed:
            return value;
        case Kind::count:  // half as many, or half as many more
            return up ? std::max(value + 1, std::round(value * std::pow(1.5, length)))
                      : std::min(value - 1, std::round(value * std::exp2(-length)));
        case Kind::whole: {
            const bool power = std::exp2(std::round(std::log2(value))) == value;
            return std::round(value * std::pow(power ? 2 : 1.5, power ? std::round(sign) : sign));
        }
        case Kind::share:
            if (value == 0) return 0.05 * length;
            return odds(value) * std::pow(kFactor, sign) / (1 + odds(value) * std::pow(kFactor, sign));
        case Kind::number:
            break;
    }
    return value == 0 ? 0.01 * length : value * std::pow(kFactor, sign);
}

}  // namespace

std::optional<double> stepped(const Hyperparameter& parameter, bool up, double length) {
    const double written =
        std::strtod(number_text(parameter, unrounded(parameter, up, length)).c_str(), nullptr);
    const bool possible =
        parameter.integer ? written >= 1 : kind_of(parameter) != Kind::share || (written > 0 && written < 1);
    if (!possible || written == parameter.value || (written > parameter.value) != up) return std::nullopt;
    return written;
}

double coordinate(const Hyperparameter& parameter, double value) {
    if (kind_of(parameter) == Kind::share) return std::log(odds(value));
    return std::log(std::max(value, 1e-6));
}

double value_at(const Hyperparameter& parameter, double coordinate) {
    if (kind_of(parameter) == Kind::share) return 1 / (1 + std::exp(-coordinate));
    const double value = std::exp(coordinate);
    if (!parameter.integer) return value;
    const bool power = kind_of(parameter) == Kind::whole &&
                       std::exp2(std::round(std::log2(parameter.value))) == parameter.value;
    return std::max(1.0, power ? std::exp2(std::round(std::log2(value))) : std::round(value));
}

void couple(Step& step, const std::vector<Hyperparameter>& current) {
    const auto of = [](const char* name) {
        return [name](const Hyperparameter& parameter) { return parameter.name == name; };
    };
    const auto total = std::find_if(step.moves.begin(), step.moves.end(),
                                    [](const Move& move) { return move.parameter.name == kTotalBatch; });
    const auto pass = std::find_if(current.begin(), current.end(), of(kDeviceBatch));
    if (total == step.moves.end() || pass == current.end() || total->to >= total->parameter.value) return;
    const double to = std::max(1.0, std::round(pass->value * total->to / total->parameter.value));
    if (to < pass->value) step.moves.push_back({*pass, to});
}

bool can_move(const Hyperparameter& parameter) {
    // The device batch cannot win alone: it follows the total.
    return kind_of(parameter) != Kind::fixed && parameter.value >= 0 && parameter.name != kDeviceBatch;
}

}  // namespace autoresearch

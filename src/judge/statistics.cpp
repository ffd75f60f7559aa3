#include "judge/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace autoresearch {
namespace {

/// The x in [low, high] where a falling function crosses `value`.
double solve_falling(const auto& function, double value, double low, double high) {
    while (high - low > 1e-9 * (1 + std::abs(high))) {
        const double middle = (low + high) / 2;
        (function(middle) > value ? low : high) = middle;
    }
    return (low + high) / 2;
}

/// P(any of the sums of 1 ... looks standard normal steps is at or above the bound): the density of the sums
/// that stayed below, carried from step to step on a grid [AMR].
double crossing_probability(double bound, int looks) {
    constexpr int kCells = 160;
    const double bottom = -6 * std::sqrt(looks), cell = (bound - bottom) / kCells;
    const auto middle = [&](int i) { return bottom + (i + 0.5) * cell; };
    std::vector<double> kernel(kCells), density(kCells), next(kCells);
    const double scale = 1 / std::sqrt(2 * std::numbers::pi);
    for (int i = 0; i < kCells; ++i) {
        kernel[i] = scale * std::exp(-0.5 * (i * cell) * (i * cell));
        density[i] = scale * std::exp(-0.5 * middle(i) * middle(i));
    }
    double crossed = normal_tail(bound);
    for (int look = 2; look <= looks; ++look) {
        for (int i = 0; i < kCells; ++i) {
            crossed += cell * density[i] * normal_tail(bound - middle(i));
            next[i] = 0;
            for (int j = 0; j < kCells; ++j) next[i] += cell * density[j] * kernel[std::abs(i - j)];
        }
        density.swap(next);
    }
    return crossed;
}

}  // namespace

double normal_tail(double z) {
    return std::erfc(z / std::numbers::sqrt2) / 2;
}

double student_tail(double t, int degrees) {
    const double angle = std::atan(std::abs(t) / std::sqrt(degrees));
    const double sine = std::sin(angle), cosine = std::cos(angle);
    const bool odd = degrees % 2 == 1;
    double term = odd ? cosine : 1, sum = degrees == 1 ? 0 : term;
    for (int k = odd ? 3 : 2; k <= degrees - 2; k += 2) {
        term *= cosine * cosine * (k - 1.0) / k;
        sum += term;
    }
    const double inside = odd ? (angle + sine * sum) * 2 / std::numbers::pi : sine * sum;  // P(|T| <= |t|)
    return t >= 0 ? (1 - inside) / 2 : (1 + inside) / 2;
}

double student_quantile(double tail, int degrees) {
    const auto tail_at = [degrees](double t) { return student_tail(t, degrees); };
    double high = 1;
    while (tail_at(high) > tail) high *= 2;
    return solve_falling(tail_at, tail, 0, high);
}

double sequential_bound(int looks, double alpha) {
    return solve_falling([looks](double bound) { return crossing_probability(bound, looks); }, alpha, 0,
                         6 * std::sqrt(looks));
}

void PooledVariance::add(const std::vector<double>& group) {
    if (group.size() < 2) return;
    const auto count = static_cast<double>(group.size());
    const double mean = std::accumulate(group.begin(), group.end(), 0.0) / count;
    for (const double value : group) squares += (value - mean) * (value - mean);
    degrees += static_cast<int>(group.size()) - 1;
}

double PooledVariance::sd() const {
    return degrees == 0 ? 0 : std::sqrt(squares / degrees);
}

void Line::add(double x, double y) {
    ++count_;
    xx_ += x * x;
    xy_ += x * y;
    yy_ += y * y;
}

double Line::lower_prediction(double x, double tail) const {
    if (count_ < 2 || xx_ <= 0) return -std::numeric_limits<double>::infinity();
    const double slope = xy_ / xx_, variance = std::max(0.0, yy_ - slope * xy_) / (count_ - 1);
    return slope * x - student_quantile(tail, count_ - 1) * std::sqrt(variance * (1 + x * x / xx_));
}

double Line::reach(double y, double tail) const {
    constexpr double kNever = std::numeric_limits<double>::infinity();
    if (count_ < 2 || xx_ <= 0) return kNever;
    const double slope = xy_ / xx_, variance = std::max(0.0, yy_ - slope * xy_) / (count_ - 1);
    const double width = student_quantile(tail, count_ - 1) * std::sqrt(variance);
    // Larger root of slope x - width sqrt(1 + x^2 / xx) = y; if the line is flatter than its band, the
    // prediction never gets above zero.
    const double rise = slope * slope - width * width / xx_;
    if (slope <= 0 || rise <= 0) return kNever;
    return (slope * y + width * std::sqrt(rise + y * y / xx_)) / rise;
}

}  // namespace autoresearch

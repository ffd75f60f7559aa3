#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tuner/tuner.h"

namespace autoresearch {
namespace {

constexpr std::size_t kLeast = 4;  // results, to say anything
constexpr int kDraws = 1000;
constexpr double kUsualStep = 0.56;   // in logarithms: a factor of 1.75
constexpr double kLeastNoise = 0.05;  // of the results' spread

using Point = std::vector<double>;  // a coordinate for each constant
using Matrix = std::vector<std::vector<double>>;

double squared_distance(const Point& a, const Point& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/// A Gaussian process with squared-exponential covariance, unit variance and a mean of 0.
class Process {
  public:
    Process(const std::vector<Point>& points, const std::vector<double>& values, double noise, double length)
        : points_(&points), length_(length), factor_(points.size()), weights_(values) {
        for (std::size_t i = 0; i < points.size(); ++i) {
            factor_[i].resize(i + 1);
            for (std::size_t j = 0; j <= i; ++j) {
                double rest = covariance(points[i], points[j]) + (i == j ? noise * noise : 0);
                for (std::size_t k = 0; k < j; ++k) rest -= factor_[i][k] * factor_[j][k];
                factor_[i][j] = i == j ? std::sqrt(std::max(rest, 1e-12)) : rest / factor_[j][j];
            }
        }
        solve_lower(weights_);
        for (std::size_t i = 0; i < points.size(); ++i)
            likelihood_ -= weights_[i] * weights_[i] / 2 + std::log(factor_[i][i]);
        for (std::size_t i = points.size(); i-- > 0;) {  // the transposed factor
            for (std::size_t k = i + 1; k < points.size(); ++k) weights_[i] -= factor_[k][i] * weights_[k];
            weights_[i] /= factor_[i][i];
        }
    }

    double log_likelihood() const { return likelihood_; }

    /// Mean and standard deviation of what is expected at a point.
    std::pair<double, double> at(const Point& point) const {
        std::vector<double> column;
        double mean = 0;
        for (std::size_t i = 0; i < points_->size(); ++i) {
            column.push_back(covariance(point, (*points_)[i]));
            mean += column[i] * weights_[i];
        }
        solve_lower(column);
        double variance = 1;
        for (const double each : column) variance -= each * each;
        return {mean, std::sqrt(std::max(variance, 1e-12))};
    }

  private:
    double covariance(const Point& a, const Point& b) const {
        return std::exp(-squared_distance(a, b) / (2 * length_ * length_));
    }
    void solve_lower(std::vector<double>& column) const {
        for (std::size_t i = 0; i < column.size(); ++i) {
            for (std::size_t k = 0; k < i; ++k) column[i] -= factor_[i][k] * column[k];
            column[i] /= factor_[i][i];
        }
    }

    const std::vector<Point>* points_;
    double length_, likelihood_ = 0;
    Matrix factor_;  // Cholesky's, the lower triangle
    std::vector<double> weights_;
};

Process most_likely(const std::vector<Point>& points, const std::vector<double>& values, double noise) {
    Process best(points, values, noise, 1);
    for (const double length : {0.5, 2.0, 4.0, 8.0})
        if (Process other(points, values, noise, length); other.log_likelihood() > best.log_likelihood())
            best = std::move(other);
    return best;
}

double expected_improvement(double least, double mean, double deviation) {
    const double z = (least - mean) / deviation;
    constexpr double kInverseRootTwoPi = 0.3989422804014327;
    return deviation * (z * std::erfc(-z / std::sqrt(2)) / 2 + kInverseRootTwoPi * std::exp(-z * z / 2));
}

/// The results of the experiments that have all of these constants.
struct Results {
    std::vector<Point> points;
    std::vector<double> values;  // less their mean, in units of their spread
    double spread = 0;
    std::size_t best = 0;

    Results(const std::vector<Hyperparameter>& current, const std::vector<Attempt>& history) {
        for (const Attempt& attempt : history) {
            Point point;
            for (const Hyperparameter& parameter : current)
                if (const auto found = attempt.after.find(parameter.name); found != attempt.after.end())
                    point.push_back(coordinate(parameter, found->second));
            if (attempt.val_bpb <= 0 || point.size() != current.size()) continue;
            points.push_back(std::move(point));
            values.push_back(attempt.val_bpb);
        }
        const auto count = static_cast<double>(values.size());
        double mean = 0, squares = 0;
        for (const double value : values) mean += value / count;
        for (double& value : values) {
            value -= mean;
            squares += value * value;
        }
        spread = std::sqrt(squares / std::max(count, 1.0));
        for (double& value : values) value /= std::max(spread, 1e-9);
        best = static_cast<std::size_t>(std::min_element(values.begin(), values.end()) - values.begin());
    }
};

}  // namespace

std::optional<Step> expected_step(const std::vector<Hyperparameter>& current,
                                  const std::vector<Attempt>& history, const Budget& budget,
                                  std::uint64_t seed) {
    const Results results(current, history);
    if (results.points.size() < kLeast || results.spread <= 0) return std::nullopt;
    const Process process =
        most_likely(results.points, results.values, std::max(kLeastNoise, budget.noise / results.spread));
    double least = 0;  // the best that is believed, not the luckiest
    for (const Point& point : results.points) least = std::min(least, process.at(point).first);

    std::mt19937_64 random(seed * 1'000'003 + history.size());
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    std::optional<Step> best;
    double most = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
        const double share = uniform(random), size = kUsualStep * std::exp2(normal(random));
        Step step{{}, fmt::format("the best guess from {} results", results.points.size())};
        Point point;
        for (std::size_t i = 0; i < current.size(); ++i) {
            const bool moves = can_move(current[i]) && uniform(random) < share;
            const double shift = moves ? size * normal(random) : 0;
            const double wanted = value_at(current[i], results.points[results.best][i] + shift);
            const double to = std::strtod(number_text(current[i], wanted).c_str(), nullptr);
            const bool differs = can_move(current[i]) &&
                                 std::abs(to - current[i].value) > 0.02 * std::abs(current[i].value) + 1e-9;
            if (differs) step.moves.push_back({current[i], to});
            point.push_back(coordinate(current[i], differs ? to : current[i].value));
        }
        if (step.moves.empty()) continue;
        couple(step, current);
        const auto [mean, deviation] = process.at(point);
        const double gain = expected_improvement(least, mean, deviation);
        if (gain <= most || was_tried(step, current, history)) continue;
        most = gain;
        best = std::move(step);
    }
    return best;
}

}  // namespace autoresearch

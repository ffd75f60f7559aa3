#pragma once

#include <vector>

// The statistics of the verdict, independent of experiments. docs/judging.md says why these.
// [AS]  Abramowitz, Stegun: Handbook of Mathematical Functions, 1964, 26.7.3 and 26.7.4
// [AMR] Armitage, McPherson, Rowe: Repeated significance tests on accumulating data, JRSS A 132, 1969
// [OF]  O'Brien, Fleming: A multiple testing procedure for clinical trials, Biometrics 35, 1979
// [JT]  Jennison, Turnbull: Group sequential methods with applications to clinical trials, 2000
namespace autoresearch {

/// P(Z > z) of the standard normal distribution.
double normal_tail(double z);

/// P(T > t) of Student's t distribution with a positive whole number of degrees of freedom [AS].
double student_tail(double t, int degrees);

/// The t with student_tail(t, degrees) == tail, for a tail in (0, 0.5].
double student_quantile(double tail, int degrees);

/// The one-sided test of O'Brien and Fleming in equal steps [OF]: after each step it checks the sum of the
/// first k of `looks` standard normal steps. Returns the bound that, if there is no effect, any of these sums
/// reaches with probability `alpha` [AMR]. After step k this is the nominal level normal_tail(bound /
/// sqrt(k)), which [JT, 4.4] also uses for t tests.
double sequential_bound(int looks, double alpha);

/// Squared deviations from each group's own mean, summed over groups.
struct PooledVariance {
    double squares = 0;
    int degrees = 0;
    void add(const std::vector<double>& group);
    double sd() const;  // 0 without degrees
};

/// Least squares of y on x, through the origin.
class Line {
  public:
    void add(double x, double y);
    /// A new y at this x falls below it with probability `tail`; needs two points, not both at 0.
    double lower_prediction(double x, double tail) const;
    /// The x beyond which lower_prediction(x, tail) is above y, for y >= 0; infinity if there is none.
    double reach(double y, double tail) const;
    int count() const { return count_; }

  private:
    int count_ = 0;
    double xx_ = 0, xy_ = 0, yy_ = 0;  // sums of products
};

}  // namespace autoresearch

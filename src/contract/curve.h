#pragma once

#include <filesystem>
#include <optional>
#include <vector>

namespace autoresearch {

/// The loss of every step of a trial, with the share of the budget at which it was made.
struct Curve {
    std::vector<double> share, loss;
};

/// The steps in a curve_file(), as far as it is written; none when it is not there.
Curve read_curve(const std::filesystem::path& file);

/// Of the fifth of the budget up to `share`: one step's loss says more of its batch than of the model.
/// Nothing when the curve has no steps there.
std::optional<double> mean_loss(const Curve& curve, double share);

}  // namespace autoresearch

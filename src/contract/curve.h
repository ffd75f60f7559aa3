#pragma once

#include <filesystem>
#include <optional>
#include <vector>

namespace autoresearch {

/// The loss of every step of a trial, with the share of the budget spent at that step.
struct Curve {
    std::vector<double> share, loss;
};

/// The steps written to a curve_file() so far; none if there is no such file.
Curve read_curve(const std::filesystem::path& file);

/// Mean loss over the fifth of the budget that ends at `share`: one step's loss says more about its batch
/// than about the model. Nothing if the curve has no steps there.
std::optional<double> mean_loss(const Curve& curve, double share);

}  // namespace autoresearch

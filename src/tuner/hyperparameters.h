#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace autoresearch {

/// One numeric constant of train.cpp's hyperparameter block, for one device.
struct Hyperparameter {
    std::string name;
    bool integer = false;
    double value = 0;
    std::size_t begin = 0;  // where its number stands in the source
    std::size_t length = 0;
};

/// The constants between "// --- hyperparameters" and "// --- end of hyperparameters", in the file's order:
///     constexpr PerDevice<double> MATRIX_LR = {0.04, 0.04, 0.02};  // columns mps, cuda, cpu
///     constexpr int DEPTH = 4;
/// A constant that is not plain numbers is left out. Nothing when there is no such block.
/// std::invalid_argument when `device` is none of the columns.
std::optional<std::vector<Hyperparameter>> find_hyperparameters(const std::string& source,
                                                                const std::string& device);

/// The number as it will stand in the source: whole for an integer, else four significant digits.
std::string number_text(const Hyperparameter& parameter, double value);

/// The source with that one number replaced.
std::string with_value(std::string source, const Hyperparameter& parameter, double value);

}  // namespace autoresearch

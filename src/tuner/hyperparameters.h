#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace autoresearch {

/// One numeric constant of train.cpp's hyperparameter block, for one device.
struct Hyperparameter {
    std::string name;
    bool integer = false;
    double value = 0;
    std::size_t begin = 0;  // where its number stands in the source: [begin, end)
    std::size_t end = 0;
    bool shift = false;  // an integer written as 1 << n; begin and end are those of n

    bool operator==(const Hyperparameter&) const = default;
};

/// The constants between "// --- hyperparameters" and "// --- end of hyperparameters", in the file's order:
///     constexpr PerDevice<double> MATRIX_LR = {0.04, 0.04, 0.02};  // columns mps, cuda, cpu
///     constexpr int DEPTH = 4;
/// A constant that is not one plain number (or 1 << n) is left out. Nothing when there is no such block.
/// std::invalid_argument when `device` is none of the columns.
std::optional<std::vector<Hyperparameter>> find_hyperparameters(std::string_view source,
                                                                const std::string& device);

/// The number as it will stand in the source: whole for an integer, else three significant digits.
std::string number_text(const Hyperparameter& parameter, double value);

/// The source with that one number replaced; the comment of the line stays in its column where there is room.
std::string with_value(std::string_view source, const Hyperparameter& parameter, double value);

}  // namespace autoresearch

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

// The built-in agent. Works in a desk like any other agent: reads experiments/NNNN/{result.json,train.cpp},
// changes one or two constants of train/train.cpp and writes idea.txt.
namespace autoresearch {

/// Returns the exit code: 1, with a line on stderr, if train.cpp has no hyperparameter block or everything
/// sensible was tried. `device`: which column of the hyperparameters counts; `seed` decides where the search
/// has no preference.
int run_tuner(const std::filesystem::path& desk, const std::string& device, std::uint64_t seed);

/// One numeric constant of train.cpp's hyperparameter block, for one device.
struct Hyperparameter {
    std::string name;
    bool integer = false;
    double value = 0;
    std::size_t begin = 0;  // position of its number in the source
    std::size_t length = 0;
};

/// The constants between "// --- hyperparameters" and "// --- end of hyperparameters", in the file's order:
///     constexpr PerDevice<double> MATRIX_LR = {0.04, 0.04, 0.02};  // columns mps, cuda, cpu
///     constexpr int DEPTH = 4;
/// Skips constants that are not plain numbers. Empty if there is no such block.
/// std::out_of_range if `device` is not one of the columns.
std::vector<Hyperparameter> find_hyperparameters(const std::string& source, const std::string& device);

/// The number as written in the source: whole for an integer, otherwise four significant digits.
std::string number_text(const Hyperparameter& parameter, double value);

using Values = std::map<std::string, double>;

Values values_of(const std::vector<Hyperparameter>& parameters);

/// What the search needs to know about an earlier experiment.
struct Attempt {
    Values before;  // of its parent; empty if unknown
    Values after;
    bool kept = false;
};

struct Move {
    Hyperparameter parameter;
    double to = 0;
};

/// What to change next and why, in words for a person.
struct Step {
    std::vector<Move> moves;
    std::string why;
};

/// A coordinate search in log space. Repeats a step that helped; after a failure moves the constant the other
/// way, and takes shorter steps once both failed. Untried constants come first, learning rates and the batch
/// size before the others. Never returns values that are in `history`; returns nothing when even the shortest
/// steps are used up. Same arguments, same answer.
std::optional<Step> next_step(const std::vector<Hyperparameter>& current, const std::vector<Attempt>& history,
                              std::uint64_t seed);

/// "raise MATRIX_LR 0.04 -> 0.07 (it helped before)"
std::string describe(const Step& step);

/// The source with the numbers of the moves replaced.
std::string with_moves(std::string source, std::vector<Move> moves);

}  // namespace autoresearch

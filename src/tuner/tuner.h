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

inline constexpr const char* kTotalBatch = "TOTAL_BATCH_SIZE";
inline constexpr const char* kDeviceBatch = "DEVICE_BATCH_SIZE";

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
    double val_bpb = 0;     // of its first trial; 0: none
    double difference = 0;  // of val_bpb from the incumbent's, over its seeds; negative is better, 0: unknown
};

/// What the incumbent's trials say about the budget.
struct Budget {
    double steps = 0;  // of one trial; 0: unknown
    double noise = 0;  // standard deviation of val_bpb between seeds; 0: unknown
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

Values values_after(const Step& step, const std::vector<Hyperparameter>& current);
/// Whether an experiment had these values.
bool was_tried(const Step& step, const std::vector<Hyperparameter>& current,
               const std::vector<Attempt>& history);

/// A coordinate search in log space, in the order of what the budget lacks: with few steps cheaper steps
/// first (less depth, less width), then the batch, then the learning rates; with many steps size up first. A
/// step that helped is repeated, twice as long; one that failed is tried the other way; a near miss of a
/// size goes on, others are tried together, and longer. Steps whose effect would be below the noise are not
/// taken. After 20 experiments, or when these moves are used up, expected_step() decides. Never returns
/// values that are in `history`; nothing when there are no others. Same arguments, same answer.
std::optional<Step> next_step(const std::vector<Hyperparameter>& current, const std::vector<Attempt>& history,
                              const Budget& budget, std::uint64_t seed);

/// Where the largest improvement is expected, by a Gaussian process over the logarithms of all values [Snoek,
/// Larochelle, Adams, Practical Bayesian Optimization of Machine Learning Algorithms, NIPS 2012]. Nothing
/// below four results, or if it finds no values that are not in `history`.
std::optional<Step> expected_step(const std::vector<Hyperparameter>& current,
                                  const std::vector<Attempt>& history, const Budget& budget,
                                  std::uint64_t seed);

/// The value `length` steps away (1: the usual one), rounded as it will be written; nothing if there is none.
std::optional<double> stepped(const Hyperparameter& parameter, bool up, double length);

/// Where a value lies for a search: the logarithm, of a share's odds.
double coordinate(const Hyperparameter& parameter, double value);
/// The value there, rounded as the constant is.
double value_at(const Hyperparameter& parameter, double coordinate);
/// False for constants that kernels support a few values of.
bool can_move(const Hyperparameter& parameter);

/// A smaller total batch has no effect while one pass is as large as before: takes the device batch along.
void couple(Step& step, const std::vector<Hyperparameter>& current);

/// "raise MATRIX_LR 0.04 -> 0.07 (it helped before)"
std::string describe(const Step& step);

/// The source with the numbers of the moves replaced.
std::string with_moves(std::string source, std::vector<Move> moves);

}  // namespace autoresearch

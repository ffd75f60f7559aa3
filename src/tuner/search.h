#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tuner/hyperparameters.h"

// The search rule of the tuner: no I/O, the same answer for the same arguments.
namespace autoresearch {

using Values = std::map<std::string, double>;

/// An earlier experiment as far as the search cares.
struct Attempt {
    Values before;  // of its parent; empty when not known
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

/// A coordinate search in log space. A step that helped is repeated; after a failure the constant goes the
/// other way, and a shorter way once both failed. Constants nobody tried come first, learning rates and the
/// batch size before the others; `seed` decides the rest. Never gives values that stand in `history`; nothing
/// when even the shortest steps are used up.
std::optional<Step> next_step(const std::vector<Hyperparameter>& current, const std::vector<Attempt>& history,
                              std::uint64_t seed);

Values values_of(const std::vector<Hyperparameter>& parameters);

/// "raise MATRIX_LR 0.04 -> 0.07 (it helped before)"
std::string describe(const Step& step);

}  // namespace autoresearch

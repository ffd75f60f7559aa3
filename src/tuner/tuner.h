#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace autoresearch {

struct TunerOptions {
    std::filesystem::path desk = ".";
    std::string device;      // the column of the hyperparameters that counts: mps, cuda, cpu
    std::uint64_t seed = 0;  // decides where the search has no preference
};

/// The built-in agent. Works in a desk like any other agent: reads experiments/NNNN/{result.json,train.cpp},
/// changes one or two constants of train/train.cpp and writes idea.txt. Returns the exit code: 1, with a line
/// on stderr, when train.cpp has no hyperparameter block or everything sensible was tried.
int run_tuner(const TunerOptions& options);

}  // namespace autoresearch

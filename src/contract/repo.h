#pragma once

#include <string>

#include "contract/experiment.h"

namespace autoresearch {

/// The run's part of the user's git repository. Never touches working tree, index, HEAD or other branches.
/// Every call throws std::runtime_error with libgit2's words when git itself fails.
class Repo {
  public:
    virtual ~Repo() = default;
    /// Writes the experiment's commit (tree of its parent with train/train.cpp replaced) and points
    /// refs/autoresearch/<tag>/NNNN at it, replacing an earlier one. Returns the commit id, 40 hex digits.
    virtual std::string commit(const Experiment& experiment, const std::string& source) = 0;
    /// Points branch autoresearch/<tag> at a kept commit: the branch is the lineage of the incumbent.
    virtual void advance(const std::string& commit) = 0;
    /// train/train.cpp as of that commit.
    virtual std::string source(const std::string& commit) = 0;
};

}  // namespace autoresearch

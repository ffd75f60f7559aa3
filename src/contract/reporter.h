#pragma once

#include <string>

#include "contract/experiment.h"

namespace autoresearch {

/// What a person sees while the loop runs. Lines for people only; the ledger is for programs.
class Reporter {
  public:
    virtual ~Reporter() = default;
    /// A negative experiment is none: a trial by hand.
    virtual void phase(int experiment,
                       const std::string& what) = 0;  // "agent tuner", "build", "train, seed 1"
    virtual void progress(double share,
                          const std::string& detail) = 0;  // of the current phase; share in [0, 1]
    virtual void finished(const Experiment& experiment) = 0;
    virtual void note(const std::string& line) = 0;
};

}  // namespace autoresearch

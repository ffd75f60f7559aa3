#pragma once

#include <filesystem>
#include <functional>

#include "contract/steps.h"
#include "judge/early_end.h"

namespace autoresearch {

/// The steps of a curve.csv (prepare/session/curve.h), as far as it is written; empty when there is none.
Curve read_curve(const std::filesystem::path& file);

/// The file with the curve of this trial in the folder of its experiment, or an empty path. Trials that were
/// interrupted or repeated leave curves too: the right one has all the steps.
std::filesystem::path find_curve(const std::filesystem::path& folder, const Trial& trial);

/// The races of a run's experiments, each with its first seed against the incumbent of its time.
std::vector<Race> finished_races(const std::vector<Experiment>& history,
                                 const std::function<std::filesystem::path(int)>& folder);

/// In words, what a comparison at equal steps says of two curves with the same seed.
std::string explain_curves(const Curve& candidate, const Curve& incumbent);

class TrialCurves : public Curves {
  public:
    /// `folder` of an experiment's number; `early` ends trials early.
    TrialCurves(std::function<std::filesystem::path(int)> folder, bool early)
        : folder_(std::move(folder)), early_(early) {}
    Hopeless early_end(const Experiment& incumbent, const Experiment& candidate, std::uint64_t seed,
                       const std::vector<Experiment>& history, const Noise& noise) const override;
    std::string explain(const Experiment& incumbent, const Experiment& candidate) const override;

  private:
    std::function<std::filesystem::path(int)> folder_;
    bool early_;
};

}  // namespace autoresearch

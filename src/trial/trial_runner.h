#pragma once

#include <filesystem>
#include <string>

#include "contract/outside.h"
#include "contract/steps.h"
#include "trial/walls.h"

namespace autoresearch {

/// Runs `program --data DIR --budget S --seed N --device D --threads N --events-fd 3 --curve-fd 4` under the
/// watchdog and behind walls. Appends to run.log (first line: the command) and events.jsonl in the request's
/// directory; the trainer writes to curve_file() there, which is opened for it.
class TrialRunner : public Runner {
  public:
    /// `data` is the prepared data set that the specs name.
    TrialRunner(std::filesystem::path data, Reporter& reporter, const StopRequest& stop, Walls walls = {});
    Trial run(const TrialRequest& request) override;

  private:
    const std::filesystem::path data_;
    Reporter& reporter_;
    const StopRequest& stop_;
    const Walls walls_;
};

/// Why the machine, not the code, made a trial's number, if that is certain; else empty. Load is not certain:
/// FairRunner weighs it.
std::string disturbance(const Conditions& conditions);

}  // namespace autoresearch

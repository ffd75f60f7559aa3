#pragma once

#include "contract/outside.h"
#include "contract/settings.h"
#include "contract/steps.h"

namespace autoresearch {

/// Repeats a trial that the machine spoilt: the machine slept, was busy with other work, or was too slow for
/// code that was faster before. Waits before each repeat, longer each time. Void trials go to the request's
/// void_trials. The returned trial is fair, or the one that ended the attempts: its ending and reason say
/// why, and so does `void_because` if it was the machine's fault once too often.
class FairRunner final : public Runner {
  public:
    /// All references must outlive it. `settings` has as many threads as a trial.
    FairRunner(Runner& runner, Reporter& reporter, const StopRequest& stop, const Clock& clock,
               const Settings& settings)
        : runner_(runner), reporter_(reporter), stop_(stop), clock_(clock), settings_(settings) {}
    Trial run(const TrialRequest& request) override;

  private:
    bool wait(double seconds) const;

    Runner& runner_;
    Reporter& reporter_;
    const StopRequest& stop_;
    const Clock& clock_;
    const Settings& settings_;
};

}  // namespace autoresearch

#pragma once

#include "contract/outside.h"
#include "contract/settings.h"
#include "contract/steps.h"

namespace autoresearch {

/// Runs a trial again that the machine spoilt: it slept, was busy with other work, or too slow for code that
/// was faster before. Waits before each repeat, longer each time. Trials that are void go to the request's
/// void_trials. The one returned is fair, or ended it all: its ending and reason say why, and `void_because`
/// where it was the machine's fault once too often.
class FairRunner final : public Runner {
  public:
    /// All of them must outlive it. `settings` has as many threads as a trial has.
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

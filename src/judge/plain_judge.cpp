#include "judge/plain_judge.h"

#include <cmath>
#include <cstdio>

namespace autoresearch {

std::variant<MoreTrials, Verdict> PlainJudge::judge(const Experiment* incumbent, const Experiment& candidate,
                                                    const std::vector<Experiment>& /*history*/) const {
    if (candidate.trials.empty()) return MoreTrials{seed_};
    if (incumbent == nullptr) return Verdict{Decision::keep, Ending::ok, "baseline", 0};
    const double delta = candidate.val_bpb() - incumbent->val_bpb();
    const bool better = delta < 0;  // equal is not better; a NaN never gets here: the runner refuses it
    char reason[128];
    std::snprintf(reason, sizeof reason, "val_bpb %.6f is %.6f %s experiment %d's %.6f", candidate.val_bpb(),
                  std::abs(delta), better ? "below" : "above or equal to", incumbent->number,
                  incumbent->val_bpb());
    return Verdict{better ? Decision::keep : Decision::discard, Ending::ok, reason, delta};
}

}  // namespace autoresearch

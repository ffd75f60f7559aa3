#include "guard/source_guard.h"

#include "guard/source_rules.h"
#include "util/hash.h"

namespace autoresearch {

std::optional<Failure> SourceGuard::review(const Proposal& proposal, const std::vector<Experiment>& history) {
    if (auto reason = broken_source_rule(proposal.source)) return Failure{Ending::refused, *reason};
    const std::string hash = normalized_source_hash(proposal.source);
    for (const Experiment& earlier : history) {
        // Without a proposal it carries the source of its parent, and never ran.
        if (earlier.verdict.ending == Ending::no_proposal || earlier.source_hash != hash) continue;
        const std::string which = earlier.commit == proposal.parent ? " (the incumbent)" : "";
        return Failure{Ending::refused,
                       "same source as experiment " + std::to_string(earlier.number) + which};
    }
    return std::nullopt;
}

}  // namespace autoresearch

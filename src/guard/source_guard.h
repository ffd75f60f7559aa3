#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "contract/steps.h"

namespace autoresearch {

inline constexpr std::size_t kLargestSource = 256 << 10;  // bytes

/// The first rule that a train.cpp breaks, in one line for the agent, with the line number; nothing if it
/// breaks none.
std::optional<std::string> broken_source_rule(std::string_view source);

/// Reads a proposal's source before it is compiled and refuses what breaks a rule, or what was tried before.
///
/// It is a lint that catches honest mistakes and obvious shortcuts, with a reason that the agent can act on.
/// It is not a sandbox. NOT covered: the edit runs in the same process, with the same rights, as the clock
/// and the evaluation, so code that sets out to deceive can reach both through memory, through what torch's
/// headers pull in, or through words not on the list; a seed hidden in a constant; training on text seen
/// elsewhere; reading files through torch in a way not listed here. Behind the guard are the watchdog's own
/// clock, the checks of the evaluation, and the diff of every experiment, kept for a person to read.
class SourceGuard : public Guard {
  public:
    /// Returns Ending::refused with the broken rule, or with the experiment that had the same source
    /// (ignoring comments and white space).
    Status review(const Proposal& proposal, const std::vector<Experiment>& history) override;
};

}  // namespace autoresearch

#pragma once

#include <string>

namespace autoresearch {

/// What an agent's output says about why it could not work: its usage limit, a login problem, an overloaded
/// server. "usage limit: <line>" and the like, for one line; empty when it says nothing of the kind. Only for
/// the output of an agent that failed or changed nothing: a transcript may speak of limits in passing.
std::string agent_trouble(const std::string& log_tail);

}  // namespace autoresearch

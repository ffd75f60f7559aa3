#pragma once

#include <cstdint>
#include <string>

#include "propose/agents.h"

namespace autoresearch {

/// What an agent reported. Empty or zero: it did not say.
struct AgentOutput {
    std::string message;  // its last message, in full
    std::string session;
    double usd = 0;
    std::int64_t tokens = 0;
    std::string error;  // as it reports it
};

/// `log` is what one call printed on one channel; `file` is the text of the rules' file, if they name one. A
/// message that comes after an error overrides it: the agent went on.
AgentOutput read_output(const OutputRules& rules, const std::string& log, const std::string& file);

}  // namespace autoresearch

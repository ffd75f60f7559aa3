#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "contract/steps.h"
#include "propose/agents.h"

namespace autoresearch {

/// What an agent reported. Empty or zero: it did not say.
struct AgentOutput {
    std::string message;  // its last message, in full
    std::string session;
    double usd = 0;
    std::int64_t tokens = 0;
    std::string error;  // as it reports it
    std::string plain;  // non-JSON lines of the log that may report trouble
};

/// `log` is what one call printed; `file` is the text of the rules' file, if they name one.
AgentOutput read_output(const OutputRules& rules, const std::string& log, const std::string& file);

/// Why an agent could not work, in words for a person.
struct Trouble {
    std::string reason;  // "usage limit: <line>", "server busy: <line>", "not logged in: <line>"
    Remedy remedy = Remedy::wait;
    double wait = 0;  // seconds until it is over, if the line says so
};

/// The known kinds of trouble in an error's text. Never pass it a transcript, which may mention limits in
/// passing.
std::optional<Trouble> agent_trouble(const std::string& text);

/// Seconds from `now` (seconds since 1970) to the moment a message names: "try again in 20s", "retry-after:
/// 30", "resets 3:45pm", "try again at Nov 25th, 2026 4:45 PM". A time of day is local, unless a zone follows
/// in parentheses; for a zone that this machine does not know, the result is at most an hour. 0 if it names
/// no moment.
double seconds_until_reset(const std::string& message, double now);

}  // namespace autoresearch

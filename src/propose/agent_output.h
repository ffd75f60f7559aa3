#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "contract/steps.h"
#include "propose/agents.h"

namespace autoresearch {

/// What an agent said. Empty or zero: it did not tell.
struct AgentOutput {
    std::string message;  // its last words, whole
    std::string session;
    double usd = 0;
    std::int64_t tokens = 0;
    std::string error;  // that it reports itself
    std::string plain;  // the lines of the log where it may tell of trouble: no JSON
};

/// `log` is what one call printed; `file` the text of the rules' file, where they name one.
AgentOutput read_output(const OutputRules& rules, const std::string& log, const std::string& file);

/// Why an agent could not work, in words for a person.
struct Trouble {
    std::string reason;  // "usage limit: <line>", "server busy: <line>", "not logged in: <line>"
    Remedy remedy = Remedy::wait;
    double wait = 0;  // seconds until it is over, as far as the line tells
};

/// The known kinds of trouble in an error's text. Never ask it about a transcript, which may speak of limits
/// in passing.
std::optional<Trouble> agent_trouble(const std::string& text);

/// Seconds from `now` (seconds since 1970) to the moment a message names: "try again in 20s", "retry-after:
/// 30", "resets 3:45pm", "try again at Nov 25th, 2026 4:45 PM". A time of day is local, unless a zone follows
/// in brackets; in a zone that this machine does not know it is at most an hour. 0 when it names no moment.
double seconds_until_reset(const std::string& message, double now);

}  // namespace autoresearch

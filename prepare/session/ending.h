#pragma once

#include <string>

#include "autoresearch/error.h"
#include "prepare/session/report.h"

// How a trainer ends that does not end by itself.
namespace autoresearch {

[[noreturn]] void quit(int code);

/// Code 2, with the error on stderr.
[[noreturn]] void quit_with(const UserError& error);

/// Code 1, with the reason on stderr and as the invalid event of this kind (events.h).
[[noreturn]] void quit_invalid(const char* kind, const std::string& reason);

/// From now on what nobody catches is reported, and there; null: there no longer.
void report_the_end_to(const Report* channel);

}  // namespace autoresearch

#pragma once

#include <string>

#include "contract/settings.h"

namespace autoresearch {

/// What settings may leave to the machine.
struct Machine {
    std::string device;    // cpu, mps or cuda: where trials run
    int threads = 1;       // that it has
    double memory_gb = 0;  // 0: not known
};

/// The settings with nothing left to the machine: device, threads and
/// memory_limit are those to use. Whoever builds, runs or judges gets settled
/// ones, so that nobody asks again. UserError for a device that the clock is
/// not for.
Settings settle(Settings asked, const Machine& machine);

/// What the setting `until` means now: the next moment at which the clock on
/// the wall shows this, in seconds since 1970; 0 for an empty text. UserError
/// when it is no time of day.
double next_time_of_day(const std::string& text);

}  // namespace autoresearch

#pragma once

#include <string>

#include "contract/settings.h"

namespace autoresearch {

/// What settings may leave to the machine.
struct Machine {
    std::string device;    // cpu, mps or cuda: where trials run
    int threads = 1;       // available
    double memory_gb = 0;  // 0: not known
};

/// Returns settings with nothing left to the machine: device, clock, threads and memory_limit are the ones to
/// use. Whatever builds, runs or judges gets settled ones, so that nobody asks again. UserError if the clock
/// does not fit the device.
Settings settle(Settings asked, const Machine& machine);

/// The next moment at which the wall clock shows this time (the setting `until`), in seconds since 1970; 0
/// for an empty text. UserError if it is not a time of day.
double next_time_of_day(const std::string& text);

}  // namespace autoresearch

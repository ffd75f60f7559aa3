#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace autoresearch {

/// The trainer's flags. The harness gives them all; by hand the defaults do.
struct Options {
    std::filesystem::path data;  // a prepared data set; never empty after parse_options
    double budget = 30;          // training seconds
    std::string clock = "wall";  // what these count: wall, or cpu: CPU time per thread, on the CPU only
    std::uint64_t seed = 1;
    std::string device = "auto";   // auto, cpu, mps, cuda
    int threads = 0;               // CPU threads; 0: all
    int events_fd = -1;            // where events go (include/autoresearch/events.h); -1: nowhere
    std::int64_t eval_tokens = 0;  // 0: as the data set says
    std::filesystem::path curve;   // every step is written here (prepare/session/report.h); empty: nowhere
    std::filesystem::path trace;   // such a file of an earlier run, to follow instead of the clock
    std::string split = "val";     // what the evaluation measures: val or test
    bool forecast = false;         // print the memory that the run will need, as JSON, and exit
    bool probe = false;            // print what the machine has, as JSON, and exit
};

/// Ends the process for --help. Throws UserError for an unknown flag or an impossible value, and for no data
/// set where none is given.
Options parse_options(int argc, char** argv);

/// The user's cache directory of this project: $XDG_CACHE_HOME/autoresearch or ~/.cache/autoresearch.
std::filesystem::path cache_directory();

}  // namespace autoresearch

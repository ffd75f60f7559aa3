#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace autoresearch {

/// The trainer's flags. The harness passes them all; by hand the defaults suffice.
struct Options {
    std::filesystem::path data;  // a prepared data set; never empty after parse_options
    double budget = 30;          // training seconds
    std::string clock = "wall";  // what they count: wall, or cpu: CPU time per thread, on the CPU only
    std::uint64_t seed = 1;
    std::string device = "auto";   // auto, cpu, mps, cuda
    std::string known;             // what --probe printed for it (prepare/session/device.h); empty: find out
    int threads = 0;               // CPU threads; 0: all
    int events_fd = -1;            // where events go (include/autoresearch/events.h); -1: nowhere
    std::int64_t eval_tokens = 0;  // 0: from the data set
    int curve_fd = -1;             // where every step goes (prepare/session/report.h); -1: nowhere
    std::filesystem::path trace;  // such a file from an earlier run, to repeat instead of following the clock
    std::string split = "val";    // what the evaluation measures: val or test
    bool plain = false;           // ATen's operations alone, without our kernels
    bool forecast = false;        // print the memory that the run will need, as JSON, and exit
    bool probe = false;           // print what the machine has, as JSON, and exit
};

/// Ends the process for --help. Throws UserError for an unknown flag or an invalid value, and when no data
/// set is given or found.
Options parse_options(int argc, char** argv);

/// The user's cache directory for this project: $XDG_CACHE_HOME/autoresearch or ~/.cache/autoresearch.
std::filesystem::path cache_directory();

}  // namespace autoresearch

#pragma once

#include <optional>
#include <string>

#include "record/run_info.h"

namespace autoresearch {

/// What the command line says, for all commands.
struct Arguments {
    FlagValues settings;
    std::string tag;         // of a run that exists; empty: the one that was active last
    std::string experiment;  // a number or a commit
    std::optional<int> seeds;
    bool json = false, exact = false, from_working_tree = false, resume = false;
};

// A new command is one function, in a file of the same name, that does the work and returns the exit code.
// List it here, and its flags in run_app().
int prepare_command(const Arguments& arguments);
int train_command(const Arguments& arguments);
int run_command(const Arguments& arguments);
int replay_command(const Arguments& arguments);
int status_command(const Arguments& arguments);
int noise_command(const Arguments& arguments);
int confirm_command(const Arguments& arguments);
int doctor_command(const Arguments& arguments);

/// What `status` prints of a run.
void print_run(const RunInfo& run, bool json);

/// The whole program: parses, runs a command, catches everything once. Returns the exit code: 0 done, 1 the
/// work failed, 2 bad usage or configuration.
int run_app(int argc, char** argv);

}  // namespace autoresearch

#pragma once

#include "cli/flags.h"
#include "record/run_info.h"
#include "record/summary.h"
#include "trial/by_hand.h"

namespace autoresearch {

// A new command is a file of its name with one function, which gives its name and flags: list it here and in
// app.cpp.
void add_prepare(Commands& commands);
void add_train(Commands& commands);
void add_run(Commands& commands);
void add_replay(Commands& commands);
void add_status(Commands& commands);
void add_steering(Commands& commands);
void add_noise(Commands& commands);
void add_confirm(Commands& commands);
void add_doctor(Commands& commands);
void add_tuner(Commands& commands);
void add_node(Commands& commands);
/// All of them, in the order of --help.
void add_commands(Commands& commands);

/// Trials by hand, shown on stderr.
std::vector<Trial> show_trials_by_hand(const TrialPlace& place, const std::string& source,
                                       const ByHand& wanted);

/// What `status` prints of a run.
void print_run(const RunInfo& run, bool json);
/// How the summary is made that it reads.
SummaryRules run_summary_rules();

/// The whole program: parses, runs a command, catches all exceptions in one place. Returns the exit code: 0
/// done, 1 the work failed, 2 bad usage or configuration.
int run_app(int argc, char** argv);

}  // namespace autoresearch

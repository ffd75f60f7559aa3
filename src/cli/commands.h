#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/config.h"

namespace autoresearch {

// A new subcommand is one function, in a file of the same name, that adds its flags and sets a callback. The
// callback does the work and sets the exit code. List it here and in run_app().
void add_prepare_command(CLI::App& app, int& exit_code);
void add_train_command(CLI::App& app, int& exit_code);
void add_run_command(CLI::App& app, int& exit_code);
void add_replay_command(CLI::App& app, int& exit_code);
void add_status_command(CLI::App& app, int& exit_code);
void add_noise_command(CLI::App& app, int& exit_code);
void add_confirm_command(CLI::App& app, int& exit_code);
void add_doctor_command(CLI::App& app, int& exit_code);
void add_tuner_command(CLI::App& app, int& exit_code);

// Flags of several subcommands. After parsing, the result holds what the user gave.

/// --preset and a flag for each named setting; for all settings when none is named.
std::shared_ptr<FlagValues> add_setting_flags(CLI::App& command, const std::vector<std::string>& keys = {});
/// --tag, for a run that exists.
std::shared_ptr<std::string> add_tag_flag(CLI::App& command);
std::shared_ptr<bool> add_json_flag(CLI::App& command);

}  // namespace autoresearch

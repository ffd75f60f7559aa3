#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/config.h"

namespace autoresearch {

/// The flags of a subset of the settings, added to one subcommand.
class ConfigFlags {
  public:
    /// Adds --preset and a flag for each named key; all keys when none is named.
    ConfigFlags(CLI::App& command, const std::vector<std::string>& keys = {});
    FlagValues values() const;

  private:
    std::map<std::string, std::string> texts_;
    std::map<std::string, CLI::Option*> options_;
};

/// The settings that say which data set is meant, and more of them.
std::vector<std::string> data_keys(const std::vector<std::string>& more = {});

/// Set by the subcommand that was chosen; called after parsing. Returns the exit code.
using Action = std::function<int()>;

// One subcommand each, in the file of the same name. They add their flags and set the action when chosen.
void add_prepare_command(CLI::App& app, Action& action);
void add_train_command(CLI::App& app, Action& action);
void add_run_command(CLI::App& app, Action& action);
void add_replay_command(CLI::App& app, Action& action);
void add_status_command(CLI::App& app, Action& action);
void add_doctor_command(CLI::App& app, Action& action);
void add_tuner_command(CLI::App& app, Action& action);

}  // namespace autoresearch

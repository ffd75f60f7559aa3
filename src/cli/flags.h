#pragma once

#include <optional>
#include <string>
#include <vector>

#include "settings/resolve.h"

namespace CLI {
class App;
}

namespace autoresearch {

/// What the person gave. A command reads what it has a flag for.
struct Arguments {
    FlagValues settings;
    std::string tag;         // of a run; empty: the last active one
    std::string experiment;  // a number or a commit
    std::string device;
    std::optional<int> seeds;
    bool json = false, verbose = false, exact = false, from_working_tree = false, resume = false,
         trust = false, call = false, detach = false, follow = false, now = false;
};

/// Does a command's work; returns the exit code.
using Work = int (*)(const Arguments&);

/// The flags of one command.
class Flags {
  public:
    Flags(CLI::App& command, Arguments& filled) : given(filled), command_(command) {}

    Arguments& given;  // where they put it

    void flag(const char* name, bool& on, const char* help);
    void option(const char* name, std::string& text, const char* help,
                const std::vector<std::string>& choices = {});
    /// A positional argument.
    void required(const char* name, std::string& text, const char* help);
    void hide();  // from --help: not meant for people
    /// Command lines for the end of --help.
    void examples(const std::vector<std::string>& lines);

    void json();     // --json
    void verbose();  // --verbose
    void tag();      // --tag, of an existing run
    void seeds(const char* help);
    /// Add flags for all settings; for those with these names; for those that select the data, and --preset;
    /// or for all that matter to a trial by hand.
    void all_settings() { settings({}); }
    void settings(const std::vector<std::string>& names);
    void data_settings(std::vector<std::string> more = {});
    void trial_settings();
    void no_box();  // of what has no other settings

  private:
    CLI::App& command_;
};

/// Collects the program's commands and flags.
class Commands {
  public:
    explicit Commands(CLI::App& app) : app_(app) {}

    /// A command that does `work` when it is chosen.
    Flags add(const char* name, const char* help, Work work);

    /// Runs the command that the line names, once it is parsed.
    int run_chosen() const;

  private:
    CLI::App& app_;
    Arguments arguments_;  // of the one that is chosen
    Work chosen_ = nullptr;
};

}  // namespace autoresearch

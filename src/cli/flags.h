#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "settings/resolve.h"

namespace CLI {
class App;
}

namespace autoresearch {

/// Does a command's work; returns the exit code.
using Work = std::function<int()>;

/// The flags of one command. The variables they fill must live as long as the command line.
class Flags {
  public:
    explicit Flags(CLI::App& command) : command_(command) {}

    void flag(const char* name, bool& on, const char* help);
    void option(const char* name, std::string& text, const char* help,
                const std::vector<std::string>& choices = {});
    /// A positional argument.
    void required(const char* name, std::string& text, const char* help);
    void hide();  // from --help: not meant for people

    void json(bool& on);          // --json
    void tag(std::string& text);  // --tag, of an existing run
    void seeds(std::optional<int>& count, const char* help);
    /// Add flags for all settings; for those with these names; for those that select the data, and --preset;
    /// or for all that matter to a trial by hand.
    void all_settings(FlagValues& given) { settings(given, {}); }
    void settings(FlagValues& given, const std::vector<std::string>& names);
    void data_settings(FlagValues& given, std::vector<std::string> more = {});
    void trial_settings(FlagValues& given);

  private:
    CLI::App& command_;
};

/// Collects the program's commands and flags.
class Commands {
  public:
    explicit Commands(CLI::App& app) : app_(app) {}

    /// Adds a command. Returns its flags and the arguments that they fill, which `work` gets if it is chosen.
    template <class Arguments>
    std::pair<Flags, Arguments&> add(const char* name, const char* help, int (*work)(const Arguments&)) {
        const auto given = std::make_shared<Arguments>();
        return {add_work(name, help, [given, work] { return work(*given); }), *given};
    }

    /// The work of the chosen command; valid after parsing.
    const Work& chosen() const { return chosen_; }

  private:
    Flags add_work(const char* name, const char* help, Work work);

    CLI::App& app_;
    Work chosen_;
};

}  // namespace autoresearch

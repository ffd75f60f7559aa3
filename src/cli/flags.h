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

/// Does what a command is for; returns the exit code.
using Work = std::function<int()>;

/// The flags of one command. Where they put what the person gave must live as long as the command line.
class Flags {
  public:
    explicit Flags(CLI::App& command) : command_(command) {}

    void flag(const char* name, bool& on, const char* help);
    void option(const char* name, std::string& text, const char* help,
                const std::vector<std::string>& choices = {});
    /// What stands on the line without a name.
    void required(const char* name, std::string& text, const char* help);
    void hide();  // from --help: not for people

    void json(bool& on);          // --json
    void tag(std::string& text);  // --tag, of a run that exists
    void seeds(std::optional<int>& count, const char* help);
    /// A flag for each setting; for those of these names; for those that say which data is meant, or all that
    /// matter to a trial by hand, and --preset.
    void all_settings(FlagValues& given) { settings(given, {}); }
    void settings(FlagValues& given, const std::vector<std::string>& names);
    void data_settings(FlagValues& given, std::vector<std::string> more = {});
    void trial_settings(FlagValues& given);

  private:
    CLI::App& command_;
};

/// The commands of the program, as the command line is put together.
class Commands {
  public:
    explicit Commands(CLI::App& app) : app_(app) {}

    /// Adds a command: its flags, and what they fill, which `work` gets when it is chosen.
    template <class Arguments>
    std::pair<Flags, Arguments&> add(const char* name, const char* help, int (*work)(const Arguments&)) {
        const auto given = std::make_shared<Arguments>();
        return {add_work(name, help, [given, work] { return work(*given); }), *given};
    }

    /// Of the command that the line names, once it is parsed.
    const Work& chosen() const { return chosen_; }

  private:
    Flags add_work(const char* name, const char* help, Work work);

    CLI::App& app_;
    Work chosen_;
};

}  // namespace autoresearch

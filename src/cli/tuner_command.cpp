#include "cli/commands.h"
#include "tuner/tuner.h"

namespace autoresearch {

void add_tuner_command(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("tuner", "the built-in agent; the loop starts it in a desk");
    const auto device = std::make_shared<std::string>();
    command->add_option("--device", *device, "column of the hyperparameters to change")
        ->check(CLI::IsMember({"mps", "cuda", "cpu"}));
    command->group("");  // not for people: left out of --help
    command->callback([=, &exit_code] { exit_code = run_tuner(".", *device, 0); });
}

}  // namespace autoresearch

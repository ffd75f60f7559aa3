#include "cli/commands.h"
#include "tuner/tuner.h"

namespace autoresearch {

void add_tuner_command(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("tuner", "the built-in agent; the loop starts it in a desk");
    const auto options = std::make_shared<TunerOptions>();
    command->add_option("--device", options->device,
                        "column of the hyperparameters to change: mps, cuda or cpu");
    command->add_option("--seed", options->seed, "of the search");
    command->group("");  // not for people: left out of --help
    command->callback([=, &exit_code] { exit_code = run_tuner(*options); });
}

}  // namespace autoresearch

#include "cli/commands.h"
#include "tuner/tuner.h"

namespace autoresearch {
namespace {

int tune(const Arguments& arguments) {
    run_tuner(".", arguments.device, 0);
    return 0;  // it says itself what it did not find: another code would stand for an outage
}

}  // namespace

void add_tuner(Commands& commands) {
    auto flags = commands.add("tuner", "the built-in agent; the loop starts it in a desk", tune);
    flags.option("--device", flags.given.device, "column of the hyperparameters to change",
                 {"mps", "cuda", "cpu"});
    flags.hide();
}

}  // namespace autoresearch

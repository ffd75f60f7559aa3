// A desk: train.cpp, and the source and result of an earlier experiment.

#include "tuner/tuner.h"

#include <iostream>

#include "fuzz.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    const auto texts = parts(bytes, 3);
    const auto parameters = find_hyperparameters(texts[0], "cpu");
    if (const auto step = next_step(parameters, {}, {}, 1)) {
        const auto changed = find_hyperparameters(with_moves(texts[0], step->moves), "cpu");
        must(changed.size() == parameters.size(), "a step keeps the constants");
        must(!describe(*step).empty(), "a step has words");
    }
    scratch().write("train/train.cpp", texts[0]);
    scratch().write("experiments/0000/train.cpp", texts[1]);
    scratch().write("experiments/0000/result.json", texts[2]);
    for (std::ostream* said : {&std::cout, &std::cerr}) said->setstate(std::ios::failbit);
    run_tuner(scratch().path(), "cpu", 1);
}

}  // namespace autoresearch

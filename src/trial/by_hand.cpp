#include "trial/by_hand.h"

#include <spdlog/fmt/fmt.h>

#include <stdexcept>

#include "trial/fair_runner.h"
#include "trial/trial_tools.h"
#include "util/hash.h"

namespace autoresearch {

TrialSpec spec_for(const TrialPlace& place) {
    TrialSpec spec = common_spec(place.config);
    spec.kit = place.kit.hash;
    spec.torch = place.kit.torch_version;
    spec.data = place.data.filename().string();
    spec.known = place.known;
    return spec;
}

std::vector<Trial> trials_by_hand(const TrialPlace& place, const std::string& source, const ByHand& wanted,
                                  const std::string& name, Reporter& reporter, const StopRequest& stop,
                                  const Clock& clock) {
    constexpr int kNoExperiment = -1;
    const Settings& config = place.config;
    TrialTools tools(place, reporter, stop);
    FairRunner fair(tools.runner, reporter, stop, clock, config);
    reporter.phase(kNoExperiment, "build" + name);
    const auto program = tools.builder.build(source, wanted.directory);
    if (!program.ok()) return {failed_trial(program.failure())};
    TrialRequest request{spec_for(place), program.value(), wanted.directory};
    request.spec.source = source;
    request.spec.source_hash = hex(xxh64(source));
    request.spec.seed = wanted.seed;
    request.spec.shares = wanted.shares;
    request.spec.split = wanted.split;
    std::vector<Trial> results;
    for (int left = wanted.count; left > 0 && (results.empty() || results.back().counts()); --left) {
        request.reached = best_rate(results);
        reporter.phase(kNoExperiment, fmt::format("train{}, seed {}", name, request.spec.seed));
        results.push_back(fair.run(request));
        ++request.spec.seed;
    }
    std::filesystem::remove(request.program);
    return results;
}

std::vector<Trial> require_good(std::vector<Trial> trials) {
    const Trial& last = trials.back();
    if (!last.counts())
        throw std::runtime_error(
            fmt::format("seed {}: {}: {}", last.seed, to_string(last.ending), last.reason));
    return trials;
}

}  // namespace autoresearch

#include "cli/trial_parts.h"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "contract/run_files.h"
#include "loop/trial_rounds.h"
#include "proc/signals.h"
#include "trial/fair_runner.h"
#include "util/hash.h"
#include "util/text.h"
#include "util/time.h"
#include "view/terminal_reporter.h"

namespace autoresearch {

namespace fs = std::filesystem;

std::pair<std::string, TrialPlace> settle_by_hand(const GitRepo& git, const FlagValues& flags) {
    const Kit kit = open_kit();
    const std::string source = working_source(git.workdir());
    const ResolvedSettings config = load_settings(flags, git.workdir(), kit.directory);
    const auto data = require_data(config).directory;
    git.ensure_ignored();
    return {source, {kit, settle_here(config.values, kit), data}};
}

TrialSpec spec_for(const TrialPlace& place) {
    TrialSpec spec = common_spec(place.config);
    spec.kit = place.kit.hash;
    spec.torch = place.kit.torch_version;
    spec.data = place.data.filename().string();
    return spec;
}

TrialParts make_trial_parts(const TrialPlace& place, Reporter& reporter, const StopRequest& stop) {
    const Settings& config = place.config;
    return {TrainerBuilder(place.kit.directory, config.build_limit, config.memory_limit, stop),
            TrialRunner(place.data, reporter, stop)};
}

std::vector<Trial> trials_by_hand(const TrialPlace& place, const std::string& source, const ByHand& wanted,
                                  const std::string& name, Reporter& reporter, const StopRequest& stop) {
    constexpr int kNoExperiment = -1;
    TrialParts parts = make_trial_parts(place, reporter, stop);
    FairRunner fair(parts.runner, reporter, stop, system_clock(), place.config);
    reporter.phase(kNoExperiment, "build" + name);
    const auto program = parts.builder.build(source, wanted.directory);
    if (!program.ok()) {
        Trial trial;
        trial.ending = program.failure().ending;
        trial.reason = program.failure().reason;
        return {trial};
    }
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
    fs::remove(request.program);
    return results;
}

std::vector<Trial> trials_by_hand(const TrialPlace& place, const std::string& source, const ByHand& wanted) {
    SignalStop stop;
    TerminalReporter reporter(STDERR_FILENO, output_style(STDERR_FILENO), run_files::log(wanted.directory));
    return trials_by_hand(place, source, wanted, "", reporter, stop);
}

std::vector<Trial> require_good(std::vector<Trial> trials) {
    const Trial& last = trials.back();
    if (!last.counts())
        throw std::runtime_error(
            fmt::format("seed {}: {}: {}", last.seed, to_string(last.ending), last.reason));
    return trials;
}

const Clock& system_clock() {
    struct SystemClock : Clock {
        double seconds() const override {
            return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
        }
        double unix_seconds() const override {
            return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
        }
        std::string utc() const override { return utc_now("%Y-%m-%dT%H:%M:%SZ"); }
        void sleep(double seconds) const override {
            std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
        }
    };
    static const SystemClock clock;
    return clock;
}

}  // namespace autoresearch

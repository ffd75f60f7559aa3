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

TrialParts make_trial_parts(const TrialPlace& place, Reporter& reporter, const StopRequest& stop) {
    const Settings& config = place.config;
    return {TrainerBuilder(place.kit.directory, config.build_limit, config.memory_limit, stop),
            TrialRunner(config, place.data, reporter, stop)};
}

std::vector<Trial> trials_by_hand(const TrialPlace& place, const std::string& source, TrialRequest request,
                                  int count, const std::string& name, Reporter& reporter,
                                  const StopRequest& stop) {
    constexpr int kNoExperiment = -1;
    TrialParts parts = make_trial_parts(place, reporter, stop);
    FairRunner fair(parts.runner, reporter, stop, system_clock(), place.config);
    reporter.phase(kNoExperiment, "build" + name);
    const auto program = parts.builder.build(source, request.directory);
    if (!program.ok()) {
        Trial trial;
        trial.ending = program.failure().ending;
        trial.reason = program.failure().reason;
        return {trial};
    }
    request.program = program.value();
    std::vector<Trial> results;
    for (; count > 0 && (results.empty() || results.back().counts()); --count, ++request.seed) {
        request.reached = best_rate(results);
        reporter.phase(kNoExperiment, fmt::format("train{}, seed {}", name, request.seed));
        results.push_back(fair.run(request));
    }
    fs::remove(request.program);
    return results;
}

std::vector<Trial> trials_by_hand(const TrialPlace& place, const std::string& source,
                                  const TrialRequest& request, int count) {
    SignalStop stop;
    TerminalReporter reporter(STDERR_FILENO, output_style(STDERR_FILENO), run_files::log(request.directory));
    return trials_by_hand(place, source, request, count, "", reporter, stop);
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

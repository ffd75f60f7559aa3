#include "cli/trial_parts.h"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "contract/run_files.h"
#include "loop/trial_rounds.h"
#include "proc/platform.h"
#include "proc/signals.h"
#include "trial/fair_runner.h"
#include "util/hash.h"
#include "util/text.h"
#include "util/time.h"
#include "view/terminal_reporter.h"

namespace autoresearch {

namespace fs = std::filesystem;

double memory_limit(const Settings& config) {
    constexpr double kShare = 0.85;  // the rest is for the system and the person at the machine
    return config.memory_limit > 0 ? config.memory_limit
                                   : kShare * static_cast<double>(platform::memory_bytes()) / (1 << 30);
}

std::pair<std::string, TrialPlace> settle_by_hand(const GitRepo& git, const FlagValues& flags) {
    const Kit kit = open_kit();
    const std::string source = working_source(git.workdir());
    const ResolvedSettings config = load_settings(flags, git.workdir(), kit.directory);
    const auto data = require_data(config).directory;
    git.ensure_ignored();
    return {source, {kit, config.values, resolve_device(config.values, kit), data}};
}

int trial_threads(const Settings& config) {
    return config.threads > 0 ? config.threads
                              : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

/// With what was left to the machine.
static Settings settled(const TrialPlace& place) {
    Settings config = place.config;
    config.device = place.device;
    config.threads = trial_threads(config);
    config.memory_limit = memory_limit(config);
    return config;
}

TrialSpec spec_for(const TrialPlace& place) {
    TrialSpec spec = common_spec(settled(place));
    spec.kit = place.kit.hash;
    spec.torch = place.kit.torch_version;
    spec.data = place.data.filename().string();
    return spec;
}

TrialParts make_trial_parts(const TrialPlace& place, Reporter& reporter, const StopRequest& stop) {
    const Settings config = settled(place);
    return {TrainerBuilder(place.kit.directory, config.build_limit, config.memory_limit, stop),
            TrialRunner(place.data, reporter, stop)};
}

fs::path by_hand_directory(const fs::path& repository, const std::string& name) {
    constexpr std::size_t kKept = 10;
    const fs::path parent = repository / run_files::kFolder / "by-hand";
    const fs::path created = parent / (utc_now("%Y%m%d-%H%M%S-") + name);
    fs::create_directories(created);
    std::vector<fs::path> all(fs::directory_iterator(parent), {});
    std::sort(all.begin(), all.end());  // the names begin with the time
    for (std::size_t i = 0; i + kKept < all.size(); ++i) fs::remove_all(all[i]);
    return created;
}

std::vector<Trial> trials_by_hand(const TrialPlace& place, const std::string& source, const ByHand& wanted,
                                  const std::string& name, Reporter& reporter, const StopRequest& stop) {
    constexpr int kNoExperiment = -1;
    TrialParts parts = make_trial_parts(place, reporter, stop);
    const Settings config = settled(place);
    FairRunner fair(parts.runner, reporter, stop, system_clock(), config);
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
    TerminalReporter reporter(STDERR_FILENO, output_style(STDERR_FILENO), wanted.directory / run_files::kLog);
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

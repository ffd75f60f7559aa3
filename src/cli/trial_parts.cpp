#include "cli/trial_parts.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "proc/platform.h"
#include "proc/signals.h"
#include "record/run_files.h"
#include "record/terminal_reporter.h"
#include "util/text.h"
#include "util/time.h"

namespace autoresearch {

namespace fs = std::filesystem;

double memory_limit(const Config& config) {
    constexpr double kShare = 0.85;  // the rest is for the system and the person at the machine
    return config.memory_limit > 0 ? config.memory_limit
                                   : kShare * static_cast<double>(platform::memory_bytes()) / (1 << 30);
}

ByHand settle_by_hand(const GitRepo& git, const FlagValues& flags) {
    ByHand result;
    TrialPlace& place = result.place;
    place.kit = open_kit();
    const auto source = try_read_file(git.workdir() / kEditableFile);
    if (!source) throw no_editable_file(git.workdir());
    result.source = *source;
    const ResolvedConfig config = load_config(flags, git.workdir(), place.kit.directory);
    place.config = config.values;
    place.data = require_data(config).directory;
    place.device = resolve_device(config.values.device, place.kit);
    git.ensure_ignored();
    return result;
}

int trial_threads(const Config& config) {
    return config.threads > 0 ? config.threads
                              : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

TrialParts make_trial_parts(const TrialPlace& place, Reporter& reporter, const StopRequest& stop) {
    Config config = place.config;
    config.device = place.device;
    config.threads = trial_threads(config);
    config.memory_limit = memory_limit(config);
    return {TrainerBuilder(place.kit.directory, config.build_limit, config.memory_limit, stop),
            TrialRunner(config, place.data, reporter, stop)};
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

Trial trial_by_hand(const TrialPlace& place, const std::string& source, std::uint64_t seed,
                    const fs::path& directory, const fs::path& trace) {
    constexpr int kNoExperiment = -1;
    SignalStop stop;
    TerminalReporter reporter(STDERR_FILENO, output_style(STDERR_FILENO), directory / run_files::kLog);
    TrialParts parts = make_trial_parts(place, reporter, stop);
    reporter.phase(kNoExperiment, "build");
    const auto program = parts.builder.build(source, directory);
    if (!program.ok()) {
        Trial trial;
        trial.ending = program.failure().ending;
        trial.reason = program.failure().reason;
        return trial;
    }
    reporter.phase(kNoExperiment, "train, seed " + std::to_string(seed));
    Trial trial = parts.runner.run({program.value(), directory, seed, place.config.budget, trace});
    fs::remove(program.value());
    return trial;
}

}  // namespace autoresearch

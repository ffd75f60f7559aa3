#include "trial/trial_runner.h"

#include <spdlog/fmt/ranges.h>

#include "contract/run_files.h"
#include "proc/log_writer.h"
#include "proc/subprocess.h"
#include "trial/trial_events.h"
#include "util/text.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace autoresearch {
namespace {

constexpr std::size_t kTailForReasons = 64 << 10;

Environment trainer_environment(const std::string& threads) {
    Environment result = {
        // Spinning OpenMP threads would steal time from each other and from the harness.
        {"OMP_WAIT_POLICY", "passive"},
        {"OMP_NUM_THREADS", threads},
        {"VECLIB_MAXIMUM_THREADS", threads},
        // Out of memory must be an error of the trainer, not a Mac that swaps.
        {"PYTORCH_MPS_HIGH_WATERMARK_RATIO", "1.0"},
        {"PYTORCH_MPS_LOW_WATERMARK_RATIO", "0.8"},
        // A silent fallback to the CPU would make a slow run out of a missing operator.
        {"PYTORCH_ENABLE_MPS_FALLBACK", std::nullopt},
    };
    // The trainer is code that a model wrote: it gets no keys.
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::string name(text.substr(0, text.find('=')));
        if (name.ends_with("_API_KEY") || name.ends_with("_TOKEN") || name.ends_with("_SECRET")) {
            result[name] = std::nullopt;
        }
    }
    return result;
}

ProcessSpec specification(const Settings& config, const std::filesystem::path& data,
                          const TrialRequest& request) {
    const std::string threads = std::to_string(config.threads);
    const std::pair<const char*, std::string> flags[] = {
        {"--data", data},
        {"--budget", fmt::format("{:.12g}", request.budget)},
        {"--seed", std::to_string(request.seed)},
        {"--device", config.device},
        {"--threads", threads},
        {"--clock", config.counts_cpu_time() ? "cpu" : ""},
        {"--events-fd", std::to_string(kEventDescriptor)},
        {"--curve", curve_file(std::filesystem::absolute(request.directory), request.seed)},
        {"--trace", request.trace.empty() ? "" : std::filesystem::absolute(request.trace).string()},
        {"--split", request.test_split ? "test" : ""},
    };
    ProcessSpec spec;
    spec.command = {std::filesystem::absolute(request.program)};
    for (const auto& [name, value] : flags) {
        if (!value.empty()) spec.command.insert(spec.command.end(), {name, value});
    }
    spec.environment = trainer_environment(threads);
    spec.output = run_files::run_log(request.directory);
    spec.events = run_files::events(request.directory);
    spec.limit = config.startup_limit;
    spec.memory_limit = config.memory_limit;
    return spec;
}

}  // namespace

std::string disturbance(const Conditions& conditions) {
    if (conditions.slept_seconds > 1)
        return fmt::format("the machine slept for {:.0f} s", conditions.slept_seconds);
    return conditions.throttled ? "heat or low power mode held the processor back" : "";
}

TrialRunner::TrialRunner(Settings config, std::filesystem::path data, Reporter& reporter,
                         const StopRequest& stop)
    : config_(std::move(config)), data_(std::move(data)), reporter_(reporter), stop_(stop) {}

Trial TrialRunner::run(const TrialRequest& request) {
    TrialEvents events(config_, request, reporter_);
    ProcessSpec spec = specification(config_, data_, request);
    spec.on_event = [&](std::string_view line) { return events.line(line); };
    std::filesystem::create_directories(request.directory);
    LogWriter(spec.output, spec.output_limit).write(fmt::format("{}\n", fmt::join(spec.command, " ")));
    const auto log_start = file_length(spec.output);  // the logs of earlier trials explain nothing
    const ProcessResult process = run_process(spec, stop_);
    Trial trial = events.ending(process, file_tail(spec.output, kTailForReasons, log_start));
    trial.seed = request.seed;
    trial.wall_seconds = process.wall_seconds;
    trial.cpu_seconds = process.cpu_seconds;
    trial.conditions = process.conditions;
    trial.void_because = disturbance(process.conditions);
    if (trial.peak_memory_mb <= 0) trial.peak_memory_mb = process.peak_memory_mb;
    if (trial.ending == Ending::out_of_memory && trial.peak_memory_mb > 0)
        trial.reason +=
            fmt::format(" (it held {:.0f} MB; fewer rows at a time need less)", trial.peak_memory_mb);
    return trial;
}

}  // namespace autoresearch

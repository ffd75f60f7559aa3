#include "trial/trial_runner.h"

#include <spdlog/fmt/ranges.h>

#include "autoresearch/events.h"
#include "contract/run_files.h"
#include "proc/log_writer.h"
#include "proc/subprocess.h"
#include "trial/trial_events.h"
#include "util/atomic_file.h"
#include "util/secrets.h"
#include "util/temporary_folder.h"
#include "util/text.h"

namespace autoresearch {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kTailForReasons = 64 << 10;

Environment trainer_environment(const std::string& threads, const Secrets& secrets) {
    Environment result = {
        // Spinning OpenMP threads would steal time from each other and from the harness.
        {"OMP_WAIT_POLICY", "passive"},
        {"OMP_NUM_THREADS", threads},
        {"VECLIB_MAXIMUM_THREADS", threads},
        // Out of memory must be an error of the trainer, not a Mac that swaps.
        {"PYTORCH_MPS_HIGH_WATERMARK_RATIO", "1.0"},
        {"PYTORCH_MPS_LOW_WATERMARK_RATIO", "0.8"},
        // A silent fallback to the CPU would turn a missing operator into a slow run.
        {"PYTORCH_ENABLE_MPS_FALLBACK", std::nullopt},
    };
    // A model wrote the trainer's code: it gets no keys.
    for (const std::string& name : secrets.names()) result[name] = std::nullopt;
    return result;
}

/// Writes the steps to repeat, as the trainer reads them; an empty path to follow the clock.
fs::path write_trace(const TrialRequest& request) {
    if (request.spec.shares.empty()) return {};
    std::string text = "step,seconds,progress,loss,tokens\n";
    for (std::size_t i = 0; i < request.spec.shares.size(); ++i)
        text += fmt::format("{},0,{:.17g},0,0\n", i + 1, request.spec.shares[i]);
    const fs::path file = run_files::trace(fs::absolute(request.directory), request.spec.seed);
    write_file(file, text);
    return file;
}

/// `asked` is where the flags are written.
ProcessSpec specification(const fs::path& data, const TrialRequest& request, const fs::path& trace,
                          const fs::path& asked, const Secrets& secrets) {
    const TrialSpec& spec = request.spec;
    const std::string threads = std::to_string(spec.threads);
    const std::pair<const char*, std::string> flags[] = {
        {"--data", data},
        {"--budget", fmt::format("{:.12g}", spec.budget)},
        {"--seed", std::to_string(spec.seed)},
        {"--device", spec.device},
        {"--known", spec.known},
        {"--threads", threads},
        {"--clock", spec.clock == ClockKind::cpu ? "cpu" : ""},
        {"--events-fd", std::to_string(kEventDescriptor)},
        {"--curve-fd", std::to_string(kFileDescriptor)},
        {"--trace", trace},
        {"--split", spec.split == Split::test ? "test" : ""},
    };
    ProcessSpec process;
    process.environment = trainer_environment(threads, secrets);
    process.command = {fs::absolute(request.program)};
    for (const auto& [name, value] : flags) {
        if (!value.empty()) process.command.insert(process.command.end(), {name, value});
    }
    std::string words;
    for (std::size_t i = 1; i < process.command.size(); ++i) words += process.command[i] + '\0';
    write_file(asked, words);
    process.input = asked;
    process.environment[events::kFlagsVariable] = "0";
    process.output = run_files::run_log(request.directory);
    process.events = run_files::events(request.directory);
    process.files = {curve_file(fs::absolute(request.directory), spec.seed)};
    process.limit = spec.startup_limit;
    process.waits_are_free = spec.clock == ClockKind::cpu;
    process.memory_limit = spec.memory_limit;
    return process;
}

}  // namespace

std::string disturbance(const Conditions& conditions) {
    if (conditions.slept_seconds > 1)
        return fmt::format("the machine slept for {:.0f} s", conditions.slept_seconds);
    if (conditions.stopped_seconds > 0)
        return fmt::format("autoresearch or the trial was stopped for {:.0f} s", conditions.stopped_seconds);
    return conditions.throttled ? "heat or low power mode throttled the processor" : "";
}

TrialRunner::TrialRunner(fs::path data, Reporter& reporter, const StopRequest& stop, Walls walls)
    : data_(std::move(data)), reporter_(reporter), stop_(stop), walls_(std::move(walls)) {}

Trial TrialRunner::run(const TrialRequest& request) {
    fs::create_directories(request.directory);
    TrialEvents events(request, reporter_);
    const Secrets secrets = Secrets::here();
    Secrets::Names removed;
    const TemporaryFolder folder("trial");
    const fs::path work = folder.path() / "work", trace = write_trace(request);
    fs::create_directory(work);
    ProcessSpec spec = specification(data_, request, trace, folder.path() / "flags", secrets);
    box_trial(walls_, request.spec, spec.command.front(), fs::absolute(data_), trace, work, spec);
    spec.on_event = [&](std::string_view line) { return events.line(line); };
    LogWriter(spec.output, spec.output_limit, secrets, removed)
        .write(fmt::format("{}\n", fmt::join(spec.command, " ")));
    const auto log_start = file_length(spec.output);  // earlier trials' logs do not explain this one
    const ProcessResult process = run_process(spec, stop_);
    if (!process.removed.empty())
        reporter_.note(fmt::format("removed the value of {} from what a trial printed",
                                   fmt::join(process.removed, ", ")));
    Trial trial = events.ending(process, file_tail(spec.output, kTailForReasons, log_start));
    trial.seed = request.spec.seed;
    trial.wall_seconds = process.wall_seconds;
    trial.cpu_seconds = process.cpu_seconds;
    trial.conditions = process.conditions;
    trial.void_because = disturbance(process.conditions);
    trial.never_stepped = !events.stepped();
    if (trial.peak_memory_mb <= 0) trial.peak_memory_mb = process.peak_memory_mb;
    if (trial.ending == Ending::out_of_memory && trial.peak_memory_mb > 0)
        trial.reason +=
            fmt::format(" (it held {:.0f} MB; fewer rows at a time need less)", trial.peak_memory_mb);
    return trial;
}

}  // namespace autoresearch

#include "run/trial_runner.h"

#include <spdlog/fmt/ranges.h>

#include <algorithm>

#include "proc/log_writer.h"
#include "proc/subprocess.h"
#include "util/text.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace autoresearch {
namespace {

constexpr std::size_t kTailForReasons = 64 << 10;
constexpr double kSlowerReplay = 10;  // what a machine may be slower that follows a trace

/// The curve of the first trial of an experiment has the plain name, those of more seeds have theirs in it.
std::filesystem::path curve_file(const TrialRequest& request) {
    const auto first = std::filesystem::absolute(request.directory) / "curve.csv";
    return std::filesystem::exists(first) ? first.parent_path() / fmt::format("curve-{}.csv", request.seed)
                                          : first;
}

Environment trainer_environment(const std::string& threads) {
    Environment result = {
        // Spinning OpenMP threads would steal time from each other and from the harness.
        {"OMP_WAIT_POLICY", "passive"},
        {"OMP_NUM_THREADS", threads},
        {"MKL_NUM_THREADS", threads},
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

}  // namespace

std::string disturbance(const Conditions& conditions) {
    if (conditions.slept_seconds > 1)
        return fmt::format("the machine slept for {:.0f} s", conditions.slept_seconds);
    return conditions.throttled ? "heat or low power mode held the processor back" : "";
}

TrialRunner::TrialRunner(TrialRunnerOptions options, Reporter& reporter, const StopRequest& stop)
    : options_(std::move(options)), reporter_(reporter), stop_(stop) {}

Trial TrialRunner::run(const TrialRequest& request) {
    TrialEvents events;
    std::optional<std::string> hopeless;
    ProcessSpec spec = specification(request);
    std::filesystem::create_directories(request.directory);
    LogWriter journal(request.directory / "events.jsonl", options_.log_limit);
    spec.on_event = [&](std::string_view line, Deadline& deadline) {
        journal.write(std::string(line) + "\n");
        if (events.line(line, std::chrono::steady_clock::now()))
            follow(events.phase(), request.trace.empty() ? request.budget : kSlowerReplay * request.budget,
                   deadline);
        report(events);
        if (!hopeless && request.hopeless && events.phase() == TrialPhase::training)
            hopeless = request.hopeless(events.last_step()->progress, events.last_step()->loss);
        if (hopeless) deadline.set(0);
    };
    LogWriter(spec.output, options_.log_limit).write(fmt::format("{}\n", fmt::join(spec.command, " ")));
    const auto log_start = file_length(spec.output);  // the logs of earlier trials explain nothing
    const ProcessResult process = run_process(spec, stop_);
    journal.finish();

    const double due = request.trace.empty() ? request.budget : 0;  // seconds of training that must be seen
    auto ending = trial_ending(process, events, options_.limits, due,
                               file_tail(spec.output, kTailForReasons, log_start));
    if (hopeless && !process.interrupted) ending = Failure{Ending::ended_early, *hopeless};
    Trial trial;
    if (ending.ok()) {
        trial = ending.value();
    } else {
        trial.ending = ending.failure().ending;
        trial.reason = ending.failure().reason;
    }
    trial.seed = request.seed;
    trial.wall_seconds = process.wall_seconds;
    trial.cpu_seconds = process.cpu_seconds;
    trial.conditions = process.conditions;
    trial.disturbed = disturbance(process.conditions);
    if (trial.peak_memory_mb <= 0) trial.peak_memory_mb = process.peak_memory_mb;
    if (trial.ending == Ending::out_of_memory && trial.peak_memory_mb > 0)
        trial.reason +=
            fmt::format(" (it held {:.0f} MB; fewer rows at a time need less)", trial.peak_memory_mb);
    return trial;
}

ProcessSpec TrialRunner::specification(const TrialRequest& request) const {
    const std::string threads = std::to_string(options_.threads);
    ProcessSpec spec;
    spec.command = {std::filesystem::absolute(request.program)};
    const auto flag = [&](const char* name, const std::string& value) {
        spec.command.insert(spec.command.end(), {name, value});
    };
    flag("--data", options_.data);
    flag("--budget", fmt::format("{:.12g}", request.budget));
    flag("--seed", std::to_string(request.seed));
    flag("--device", options_.device);
    flag("--threads", threads);
    flag("--events-fd", std::to_string(kEventDescriptor));
    flag("--curve", curve_file(request));
    if (!request.trace.empty()) flag("--trace", std::filesystem::absolute(request.trace));
    if (request.test_split) flag("--split", "test");
    spec.environment = trainer_environment(threads);
    spec.output = request.directory / "run.log";
    spec.output_limit = options_.log_limit;
    spec.limit = options_.limits.startup;
    spec.memory_limit = options_.memory_limit;
    spec.kill_grace = options_.kill_grace;
    return spec;
}

/// Every phase has a limit of its own, counted from its beginning.
void TrialRunner::follow(TrialPhase phase, double budget, Deadline& deadline) const {
    const TrialLimits& limits = options_.limits;
    if (phase == TrialPhase::training) deadline.set(budget + limits.grace);
    if (phase == TrialPhase::evaluating) deadline.set(limits.evaluation);
    if (phase == TrialPhase::exiting) deadline.set(limits.exit);
}

void TrialRunner::report(const TrialEvents& events) {
    if (events.phase() == TrialPhase::evaluating) return reporter_.progress(1, "evaluating");
    if (events.phase() != TrialPhase::training || !events.last_step()) return;
    const StepEvent& last = *events.last_step();
    reporter_.progress(std::clamp(last.progress, 0.0, 1.0),
                       fmt::format("step {:.0f}, loss {:.4f}", last.step, last.loss));
}

}  // namespace autoresearch

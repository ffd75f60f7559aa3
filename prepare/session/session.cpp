#include "autoresearch/session.h"

#include <ATen/Parallel.h>
#include <c10/util/StringUtil.h>
#include <time.h>
#include <torch/version.h>

#include <cstdlib>
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "autoresearch/error.h"
#include "autoresearch/events.h"
#include "prepare/data/files.h"
#include "prepare/kernels/matmul.h"
#include "prepare/metric/evaluate.h"
#include "prepare/session/batches.h"
#include "prepare/session/cpu_memory.h"
#include "prepare/session/device.h"
#include "prepare/session/ending.h"
#include "prepare/session/host.h"
#include "prepare/session/options.h"
#include "prepare/session/report.h"
#include "prepare/session/underway.h"

namespace autoresearch {
namespace {

constexpr double kLargestLoss = 100;
constexpr double kHeartbeatSeconds = 0.25;
// Slack for the clock's rules, since a machine may stall for a moment: on top of three steps or so.
constexpr double kSlackSeconds = 5, kSlackShare = 0.05;
constexpr double kEvaluationSlack = 0.5;       // extra CPU seconds that the evaluation's first call may take
constexpr std::int64_t kMostRead = 256 << 10;  // bytes before the evaluation: startup takes 50,000

double seconds_of(clockid_t clock) noexcept {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}
const double kLoaded = seconds_of(CLOCK_MONOTONIC);  // when the program began, not counting loading libtorch

/// The name of a shard of the evaluation that this process has opened; empty: none.
std::string opened_shard(const std::filesystem::path& data) {
    for (const char* shard : {"val.bin", "test.bin"})
        if (host::was_opened(data / shard)) return shard;
    return "";
}

}  // namespace

struct Session::State {
    State(Options given, at::Device chosen) : options(std::move(given)), device(chosen) {}

    const Options options;
    const at::Device device;
    const DataMeta meta = read_meta(options.data, false, options.split + ".bin");
    const int threads = at::get_num_threads();
    Report report{options.events_fd};
    CurveFile curve{options.curve_fd};
    const std::vector<double> trace = read_trace(options.trace);  // progress of each step; empty: the clock

    std::int64_t num_params = 0;
    int depth = 0;
    double flops_per_token = 0;

    std::int64_t own_reads = 0;  // bytes: the tokenizer may be large, and the steps to repeat
    std::string opened_before;   // an evaluation shard opened before the session itself looked at the data
    std::uint64_t loaders = 0;   // made so far
    std::int64_t steps = 0, tokens = 0, first_tokens = 0;
    double progress = 0, training_seconds = 0;
    double beat = 0;         // when the loss was last read, in wall time
    CurveFile::Line last{};  // the last step that is done
    Underway underway;       // on CUDA
    bool finished = false, evaluated = false;
    double ready = now(), clock_start = 0, step_done = 0, finished_at = 0;  // moments
    double first_step_seconds = 0, last_step_seconds = 0,
           longest_step_seconds = 0;  // longest of those in between

    /// Seconds by the clock that the budget counts.
    double now() const {
        return options.clock == "cpu" ? seconds_of(CLOCK_PROCESS_CPUTIME_ID) / threads
                                      : seconds_of(CLOCK_MONOTONIC);
    }

    /// Share of the budget spent; sets what progress() returns during the next step.
    bool budget_left() {
        if (!trace.empty()) {
            const auto done = static_cast<std::size_t>(steps);
            progress = done < trace.size() ? trace[done] : 1;
            return done < trace.size();
        }
        progress = steps == 0 ? 0 : std::min(1.0, (now() - clock_start) / options.budget);
        return progress < 1;
    }

    [[noreturn]] void invalid(const char* kind, const std::string& reason) {
        curve.flush();
        report.end_progress();
        quit_invalid(kind, reason);
    }
    [[noreturn]] void broken_rule(const std::string& reason) { invalid(events::kBrokenRule, reason); }

    double read_loss() {
        const double loss = last.loss.item<double>();
        if (std::isfinite(loss) && loss <= kLargestLoss) return loss;
        invalid(events::kNotFinite, c10::str("loss is ", loss, " at step ", last.step));
    }

    void heartbeat(double seconds) {
        const double loss = read_loss();
        const double share = trace.empty() ? std::min(1.0, seconds / options.budget) : progress;
        curve.flush();  // first: whoever gets the event may look at the steps up to it
        report.progress({last.step, last.tokens, seconds, share, options.budget, loss});
        beat = seconds_of(CLOCK_MONOTONIC);
    }

    /// The seed of torch's generators. Not the run's seed itself, so that setting another one and then seed()
    /// again shows.
    std::uint64_t generator_seed() const { return (options.seed + 1) * 0x9e3779b97f4a7c15; }

    /// Checks that numbers are drawn from the harness's seed: nobody has set another.
    void check_seed() {
        for (const at::Device d : {at::Device(at::kCPU), device})
            if (at::globalContext().defaultGenerator(d).current_seed() != generator_seed())
                broken_rule("the random number generator was reseeded: the seed belongs to the harness");
    }

    /// Checks that training took no longer than the budget, give or take a step or a moment, and read nothing
    /// but batches. Code that hides from this runs in the same process and can; it catches what the diff does
    /// not show at once.
    void check_training() {
        const double slack = std::max(kSlackSeconds, 3 * longest_step_seconds);
        if (trace.empty() &&
            training_seconds > options.budget + std::max(slack, kSlackShare * options.budget))
            broken_rule(c10::str("trained for ", training_seconds, " s on a budget of ", options.budget));
        const double start = (device.is_cpu() ? 1 : 12) * slack + 7 * longest_step_seconds;  // a GPU compiles
        if (steps > 1 && first_step_seconds > start)
            broken_rule(c10::str("the first step took ", first_step_seconds, " s, the longest later one ",
                                 longest_step_seconds, ": the clock starts after the first step"));
        check_seed();
        if (device.is_cpu() && host::bytes_read() - own_reads > kMostRead)
            broken_rule("files were read while training");
        const std::string shard = opened_before.empty() ? opened_shard(options.data) : opened_before;
        if (!shard.empty()) broken_rule(shard + " was opened before the evaluation");
    }

    void done(const std::optional<CurveFile::Line>& line, double seconds) {
        if (!line) return;
        last = *line;
        last.seconds = seconds;
        curve.add(last);
    }

    void finish() {
        finished = true;
        synchronize(device);
        finished_at = now();
        done(underway.finish(), finished_at - clock_start);
        training_seconds = finished_at - clock_start;
        read_loss();
        check_training();
        curve.flush();
        report.end_progress();
        report.event({{"event", events::kEvaluating}, {"step", steps}, {"seconds", training_seconds}});
    }

    double mfu_percent() const {
        if (flops_per_token <= 0 || training_seconds <= 0) return 0;
        const auto timed = static_cast<double>(tokens - first_tokens);  // the first step is not on the clock
        return 100 * flops_per_token * timed / training_seconds / matmul_peak(device);
    }

    void summary(double val_bpb) {
        const double mfu = mfu_percent();
        std::string notes;
        if (options.split != "val") notes += "val_bpb below is for the " + options.split + " split\n";
        if (options.clock == "cpu") notes += "training_seconds below is CPU time per thread\n";
        report.summary({{events::kValBpb, 6, val_bpb},
                        {events::kTrainingSeconds, 1, training_seconds},
                        {events::kTotalSeconds, 1, seconds_of(CLOCK_MONOTONIC) - kLoaded},
                        {events::kPeakVramMb, 1, peak_memory_mb(device)},
                        {events::kMfuPercent, 2, mfu},
                        {events::kTotalTokensM, 1, static_cast<double>(tokens) / 1e6},
                        {events::kNumSteps, 0, static_cast<double>(steps)},
                        {events::kNumParamsM, 1, static_cast<double>(num_params) / 1e6},
                        {events::kDepth, 0, static_cast<double>(depth)}},
                       options.split, notes);
    }
};

Session::Session(int argc, char** argv) {
    host::keep_large_buffers();
    count_cpu_memory();
    try {
        Options options = parse_options(argc, argv);
        if (options.threads > 0) at::set_num_threads(options.threads);
        const at::Device device = choose_device(options.device);
        kernels::plain_path() = options.plain;
        if (!options.known.empty()) use_known(options.known, device);
        if (options.probe) {
            std::puts(probe(device).dump().c_str());
            quit(0);
        }
        if (options.clock == "cpu" && !device.is_cpu())
            throw UserError("--clock cpu counts CPU time, so it works on the CPU only",
                            "leave it out, or use --device cpu");
        if (const std::string fault = device_fault(device); !fault.empty())
            throw UserError("this device computes wrong results: " + fault,
                            "use --device cpu, or another version of the system or of torch");
        if (!options.plain) trust_kernels(device);
        const std::string opened_before = opened_shard(options.data);
        const std::int64_t read_before = host::bytes_read();
        state_ = std::make_unique<State>(std::move(options), device);
        state_->own_reads = host::bytes_read() - read_before;
        state_->opened_before = opened_before;
        host::forget_opened();
    } catch (const UserError& error) {
        quit_with(error);
    } catch (const std::system_error& error) {
        quit_with(UserError(error.what(), "see --data in --help, or run `autoresearch prepare`"));
    }
    report_the_end_to(&state_->report);
    const Options& options = state_->options;
    at::manual_seed(state_->generator_seed());
    if (state_->device.is_cuda()) at::globalContext().setFloat32MatmulPrecision("high");
    state_->report.event({{"event", events::kHello},
                          {"protocol", events::kProtocol},
                          {"device", name_of(state_->device)},
                          {"torch", TORCH_VERSION},
                          {"seed", options.seed},
                          {"budget", options.budget},
                          {"clock", options.clock},
                          {"threads", state_->threads},
                          {"split", options.split},
                          {"data", state_->meta.fingerprint}});
}

Session::~Session() {
    report_the_end_to(nullptr);
}

at::Device Session::device() const {
    return state_->device;
}
DeviceClass Session::device_class() const {
    return device().is_cpu() ? DeviceClass::cpu : device().is_cuda() ? DeviceClass::cuda : DeviceClass::mps;
}
int Session::vocab_size() const {
    return state_->meta.vocab_size;
}
int Session::seq_len() const {
    return state_->meta.seq_len;
}
std::uint64_t Session::seed() const {
    return state_->options.seed;
}
double Session::progress() const {
    return state_->progress;
}
std::int64_t Session::steps() const {
    return state_->steps;
}
bool Session::bf16_pays() const {
    return autoresearch::bf16_pays(state_->device);
}

int Session::fit_rows(int wanted, double bytes_once, double bytes_per_token) const {
    const State& s = *state_;
    const MemoryForecast fit =
        forecast_memory(s.device, wanted, bytes_once, bytes_per_token, s.meta.seq_len, s.meta.vocab_size);
    if (!s.options.forecast) return fit.rows;
    const nlohmann::json forecast = {{"rows", fit.rows},
                                     {"rows_wanted", wanted},
                                     {"memory_mb", fit.memory_mb},
                                     {"available_mb", fit.available_mb}};
    std::puts(forecast.dump().c_str());
    quit(0);
}

std::function<Batch()> Session::train_batches(int rows) {
    State& s = *state_;
    const std::uint64_t seed = s.options.seed + 1'000'003 * s.loaders++;
    return batches(s.options.data / kTrainFile, rows, s.meta.seq_len + 1, seed, s.device);
}

void Session::describe(std::int64_t num_params, int depth, double flops_per_token) {
    state_->num_params = num_params;
    state_->depth = depth;
    state_->flops_per_token = flops_per_token;
}

bool Session::training() {
    State& s = *state_;
    if (s.finished) return false;
    if (s.budget_left()) return true;
    s.finish();
    return false;
}

void Session::step(const at::Tensor& loss, std::int64_t tokens) {
    State& s = *state_;
    if (s.finished) s.broken_rule("a training step after the budget was spent");
    if (!loss.defined() || loss.numel() != 1) s.broken_rule("step() needs the loss as a scalar");
    s.tokens += tokens;
    ++s.steps;
    std::optional<CurveFile::Line> line = CurveFile::Line{s.steps, 0, s.progress, loss.detach(), s.tokens};
    if (s.steps == 1) {
        synchronize(s.device);
    } else if (loss.is_cuda()) {
        line = s.underway.exchange(*line);
    }
    const double time = s.now();
    if (s.steps == 1) {
        s.check_seed();
        s.clock_start = time;
        s.first_tokens = tokens;
        s.first_step_seconds = time - s.ready;
    } else {
        s.longest_step_seconds = std::max(s.longest_step_seconds, s.last_step_seconds);
        s.last_step_seconds = time - s.step_done;
    }
    s.step_done = time;
    s.done(line, time - s.clock_start);
    if (s.steps == 1 || seconds_of(CLOCK_MONOTONIC) - s.beat >= kHeartbeatSeconds) {
        s.heartbeat(time - s.clock_start);
    } else if (s.device.is_cpu()) {
        s.read_loss();  // costs nothing where there is no device to wait for
    }
}

void Session::evaluate(const std::function<at::Tensor(const at::Tensor&)>& logits) {
    State& s = *state_;
    if (s.evaluated) s.broken_rule("evaluate() was called twice");
    if (s.steps == 0 || training()) s.broken_rule("evaluate() was called before the budget was spent");
    const double idle = s.now() - s.finished_at;
    if (idle > std::max(kSlackSeconds, 3 * s.longest_step_seconds))
        s.broken_rule(c10::str("the evaluation came ", idle, " s after the end of training"));
    s.evaluated = true;
    // Training in the first call would change no later logits, so look at the CPU time it takes.
    double first = -1, longest = 0;  // CPU seconds of a call
    const auto timed = [&](const at::Tensor& batch) {
        const std::clock_t begun = std::clock();
        at::Tensor result = logits(batch);
        const double spent = static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
        double& slot = first < 0 ? first : longest;
        slot = std::max(slot, spent);
        return result;
    };
    const std::int64_t tokens = s.options.eval_tokens > 0 ? s.options.eval_tokens : s.meta.eval_tokens;
    try {
        const double bpb = bits_per_byte(timed, s.meta, s.options.data, s.options.split, tokens, s.device);
        if (s.device.is_cpu() && first > 3 * longest + kEvaluationSlack)
            s.broken_rule("the first call of the evaluation took " + std::to_string(first) +
                          " s of CPU time, the longest later one " + std::to_string(longest) +
                          ": training ends with the clock");
        s.summary(bpb);
    } catch (const BrokenRule& rule) {
        s.broken_rule(rule.what());
    }
}

}  // namespace autoresearch

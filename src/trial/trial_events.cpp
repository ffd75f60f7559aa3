#include "trial/trial_events.h"

#include <signal.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "autoresearch/events.h"
#include "contract/curve.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::json;

constexpr double kSlowerReplay = 10;     // how much slower a machine may be that repeats a trace
constexpr double kWallOfCpu = 4;         // wall seconds that a second of CPU time may take
constexpr double kShareOfBudget = 0.9;   // less training than this is not a full run
constexpr double kClockTolerance = 0.1;  // between the trainer's clock and ours, as a share of ours
constexpr double kArrivalSlack = 0.3;    // seconds by which we may read an event late
constexpr double kClockSlack = 1;        // and in seconds, for a busy machine

constexpr double kMostBpb = 1e5;  // from the largest logits that it takes

constexpr std::size_t kTraining = 1, kEvaluation = 2, kExit = 3;

/// Nothing if the key is missing or not a number; JSON numbers are finite.
std::optional<double> number(const json& event, const char* key) {
    const auto found = event.find(key);
    return found != event.end() && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}

std::string text(const json& event, const char* key) {
    const auto found = event.find(key);
    return found != event.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Trial read_invalid(const json& event) {
    const std::string kind = text(event, "kind"), reason = clean_line(text(event, "reason"));
    return failed_trial({kind == events::kNotFinite     ? Ending::not_finite
                         : kind == events::kOutOfMemory ? Ending::out_of_memory
                                                        : Ending::invalid,
                         reason.empty() ? "the trainer gave no reason" : reason});
}

/// Counts summaries; the Session prints one when it reports a result.
int summaries(const std::string& log) {
    const std::string line = std::string("\n") + events::kValBpb + ":";
    int count = 0;
    for (auto at = log.find(line); at != std::string::npos; at = log.find(line, at + 1)) ++count;
    return count;
}

Trial died(const ProcessResult& process, const std::string& log) {
    static const std::regex of_memory("out of memory|std::bad_alloc|can(no|')t allocate memory",
                                      std::regex::icase);
    if (process.signal == SIGKILL)
        return failed_trial({Ending::out_of_memory, "killed by the system, probably out of memory"});
    const std::string last = last_meaningful_line(log);
    if (std::regex_search(log, of_memory)) return failed_trial({Ending::out_of_memory, last});
    const std::string what =
        process.signal != 0 ? signal_name(process.signal) : "exit code " + std::to_string(process.exit_code);
    return failed_trial({Ending::crashed, last.empty() ? what : what + ": " + last});
}

}  // namespace

TrialEvents::TrialEvents(const TrialRequest& request, Reporter& reporter)
    : request_(request), spec_(request.spec), reporter_(reporter) {
    const double longer = !spec_.shares.empty()           ? kSlowerReplay
                          : spec_.clock == ClockKind::cpu ? kWallOfCpu
                                                          : 1;
    phases_ = {{{spec_.startup_limit, fmt::format("no first step within {:g} s", spec_.startup_limit)},
                {longer * spec_.budget + spec_.grace,
                 fmt::format("still training {:g} s after {}its budget of {:g} s", spec_.grace,
                             longer > 1 ? fmt::format("{:g} times ", longer) : "", spec_.budget)},
                {spec_.eval_limit, fmt::format("the evaluation took longer than {:g} s", spec_.eval_limit)},
                {spec_.grace, fmt::format("did not end within {:g} s of its result", spec_.grace)}}};
}

std::optional<double> TrialEvents::line(std::string_view line) {
    const json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!event.is_object()) {
        // NaN is not JSON: such a result must not count as no result at all.
        if (line.find(events::kResult) != std::string_view::npos) unbelievable_ = "its result is not JSON";
        return std::nullopt;
    }
    const std::string name = text(event, "event");
    std::size_t phase = 0;
    if (name == events::kStep) phase = kTraining;
    if (name == events::kEvaluating) phase = kEvaluation;
    if (name == events::kResult || name == events::kInvalid) phase = kExit;
    if (name == events::kHello) check_hello(event);
    if (name == events::kResult) read_result(event);
    if (name == events::kInvalid && !invalid_) invalid_ = read_invalid(event);
    const bool begins = phase > phase_;
    if (begins) {
        phase_ = phase;
        phases_[phase].began = std::chrono::steady_clock::now();
    }
    if (phase > 0 && !greeted_ && !stranger_) stranger_ = "the trainer did not say what it was asked for";
    if (phase == kTraining && phase_ == kTraining) step(event);
    if (phase == kEvaluation) reporter_.progress({1, "evaluating"});
    if (phase == kTraining && request_.first_step_only) hopeless_ = "nothing but its first step was wanted";
    if (hopeless_ || stranger_) return 0;
    return begins ? std::optional(phases_[phase].limit) : std::nullopt;
}

/// What the trainer says it was asked for must be what it was asked for: another library, data set, seed or
/// budget would give numbers that mean something else.
void TrialEvents::check_hello(const json& event) {
    const double protocol = number(event, "protocol").value_or(0);
    if (protocol != events::kProtocol) {
        stranger_ =
            fmt::format("the trainer speaks version {:g} of the event protocol, this program version {}",
                        protocol, events::kProtocol);
        return;
    }
    const json asked = {{"seed", spec_.seed},
                        {"budget", std::stod(fmt::format("{:.12g}", spec_.budget))},
                        {"clock", to_string(spec_.clock)},
                        {"device", spec_.device},
                        {"threads", spec_.threads},
                        {"split", to_string(spec_.split)},
                        {"data", spec_.data}};
    for (const auto& [what, wanted] : asked.items()) {
        if (what == "data" && spec_.data.empty()) continue;
        const json said = event.value(what, json());
        if (said != wanted)
            stranger_ = fmt::format("the trainer was asked for {} {}, but says {}", what, wanted.dump(),
                                    clean_line(said.dump(), 80));
    }
    if (greeted_) stranger_ = "the trainer began twice";
    greeted_ = true;
}

void TrialEvents::step(const json& event) {
    const auto value = [&](const char* name) { return number(event, name).value_or(0); };
    const double share = value("progress"), step = value("step"), loss = value("loss");
    const double seconds = value("seconds");
    reporter_.progress({std::clamp(share, 0.0, 1.0), fmt::format("step {:.0f}, loss {:.4f}", step, loss),
                        static_cast<std::int64_t>(std::clamp(step, 0.0, 1e15)), spec_.seed, loss,
                        seconds > 0 ? value("tokens") / seconds : 0});
    if (!hopeless_) check_thresholds(share);
}

void TrialEvents::check_thresholds(double share) {
    while (!hopeless_ && checked_ < spec_.stop.size() && share >= spec_.stop[checked_].share) {
        const auto& [at, most] = spec_.stop[checked_];
        const Curve curve = read_curve(curve_file(request_.directory, spec_.seed));
        if (curve.share.empty() || curve.share.back() < at) return;
        ++checked_;
        const auto loss = mean_loss(curve, at);
        if (loss && *loss > most)
            hopeless_ = fmt::format(
                "sure to lose: training loss {:.4f} at {:.0f} % of the budget, where {:.4f} is too much",
                *loss, 100 * at, most);
    }
}

void TrialEvents::read_result(const json& event) {
    if (result_) unbelievable_ = "it sent more than one result";
    Trial& trial = result_.emplace(failed_trial({Ending::ok, ""}));
    for (const TrialNumber& each : kTrialNumbers) {
        const auto given = number(event, each.event);
        if (!given && unbelievable_.empty())
            unbelievable_ = std::string("its result has no number for ") + each.event;
        each.set(trial, given.value_or(0));
    }
}

Trial TrialEvents::ending(const ProcessResult& process, const std::string& log) const {
    if (!process.start_error.empty()) return failed_trial({Ending::crashed, process.start_error});
    if (process.interrupted) return failed_trial({Ending::interrupted, "stopped while training"});
    if (hopeless_) return failed_trial({Ending::ended_early, *hopeless_});
    if (stranger_) return failed_trial({Ending::invalid, *stranger_});
    if (!process.over_limit.empty())
        return failed_trial({Ending::out_of_memory, "it held " + process.over_limit});
    if (invalid_) return *invalid_;
    if (process.timed_out) return failed_trial({Ending::timed_out, phases_[phase_].overrun});
    if (process.exit_code != 0) return died(process, log);
    Trial trial = result();
    if (summaries(log) > (result_ ? 1 : 0))
        return failed_trial({Ending::invalid, "it printed a summary of its own"});
    return trial;
}

Trial TrialEvents::result() const {
    const auto refuse = [](const std::string& reason) { return failed_trial({Ending::invalid, reason}); };
    if (!unbelievable_.empty()) return refuse(unbelievable_);
    if (!result_) return failed_trial({Ending::no_result, "ended without a result"});
    if (!(result_->val_bpb > 0)) return refuse("val_bpb is not above zero");
    if (result_->val_bpb > kMostBpb) return refuse("val_bpb is above what the evaluation can give");
    if (result_->num_steps <= 0) return refuse("it reported without a training step");
    // A phase that never began has the clock's epoch as its start, so no such difference passes.
    const std::chrono::duration<double> between = phases_[kEvaluation].began - phases_[kTraining].began;
    const double measured = between.count();
    const double claimed = result_->training_seconds;
    const double least = spec_.shares.empty() ? kShareOfBudget * spec_.budget : 0;
    if (measured < least - kArrivalSlack || claimed < least) {
        return refuse(
            fmt::format("it reported early: {:.1f} s of training measured, {:.1f} s claimed, budget {:.1f} s",
                        measured, claimed, spec_.budget));
    }
    // CPU time may be less than ours, but never more.
    const double off = spec_.clock == ClockKind::cpu ? claimed - measured : std::abs(claimed - measured);
    if (off > kClockTolerance * measured + kClockSlack) {
        return refuse(
            fmt::format("it claims {:.1f} s of training, but {:.1f} s were measured", claimed, measured));
    }
    return *result_;
}

std::string last_meaningful_line(std::string_view log) {
    constexpr std::string_view kWhat = "what():";
    constexpr std::string_view kNoise[] = {
        "frame #", "Exception raised from", "terminate called", "step 0", "#", "hint:"};
    std::string_view best;
    for (std::string_view line : split_lines(log)) {
        // A progress line is rewritten in place: only its last state counts.
        line = trim(line);
        line = trim(line.substr(line.rfind('\r') + 1));
        if (line.starts_with(kWhat)) return clean_line(line.substr(kWhat.size()));
        const bool noise = std::any_of(std::begin(kNoise), std::end(kNoise),
                                       [&](std::string_view start) { return line.starts_with(start); });
        if (!line.empty() && !noise) best = line;
    }
    return clean_line(best);
}

}  // namespace autoresearch

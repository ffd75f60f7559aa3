#pragma once

#include <string>
#include <utility>
#include <variant>

#include "contract/names.h"

namespace autoresearch {

/// How a step of an experiment, or a whole trial, ended. A closed list: every ending has a test and a row in
/// the log.
enum class Ending {
    ok,
    no_proposal,    // the agent failed, hung, or changed nothing
    refused,        // the guard found a broken rule in the source
    build_failed,   // the compiler or the linker failed
    crashed,        // the trainer ended by a signal or with a non-zero code
    timed_out,      // the watchdog ended it: the build or a phase of the trial
    not_finite,     // the loss became NaN, infinite or far too large
    out_of_memory,  // the device or the memory limit ran out
    invalid,        // the trainer finished but broke a rule of the metric
    no_result,      // the trainer ended normally, but without a result
    ended_early,    // the harness ended it: it was sure to lose
    machine,        // the machine failed, or is too busy, so nothing is known of the code; never recorded
    interrupted,    // the person stopped the run midway; never recorded
};

template <>
inline constexpr std::array<std::string_view, 13> kNames<Ending> = {
    "ok",          "no_proposal", "refused",       "build_failed", "crashed",
    "timed_out",   "not_finite",  "out_of_memory", "invalid",      "no_result",
    "ended_early", "machine",     "interrupted"};

/// An expected failure: how it ended and why, in one line for a person.
struct Failure {
    Ending ending = Ending::ok;
    std::string reason;
};

/// A value, or the failure in its place.
template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value = {}) : state_(std::move(value)) {}       // NOLINT(google-explicit-constructor)
    Result(Failure failure) : state_(std::move(failure)) {}  // NOLINT(google-explicit-constructor)

    bool ok() const { return std::holds_alternative<T>(state_); }
    const T& value() const { return std::get<T>(state_); }
    T& value() { return std::get<T>(state_); }
    const Failure& failure() const { return std::get<Failure>(state_); }
    /// How it ended: Ending::ok on success.
    Ending ending() const { return ok() ? Ending::ok : failure().ending; }

  private:
    std::variant<T, Failure> state_;
};

/// The outcome of a step without a value: success, or how it failed.
using Status = Result<std::monostate>;

}  // namespace autoresearch

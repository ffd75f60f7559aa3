#pragma once

#include <signal.h>

#include <array>
#include <string>

#include "contract/outside.h"

namespace autoresearch {

/// Turns signals into a StopRequest: SIGINT and SIGHUP once mean "after this experiment", twice "now";
/// SIGTERM means "now". A signal that was ignored before (nohup) stays ignored. The destructor restores the
/// old handlers. Not more than one at a time in a program.
class SignalStop : public StopRequest {
  public:
    /// `first_message` goes to stderr at the first request. Without one, the first request already means
    /// "now".
    explicit SignalStop(const char* first_message = nullptr);
    ~SignalStop() override;
    SignalStop(const SignalStop&) = delete;
    SignalStop& operator=(const SignalStop&) = delete;

    bool after_experiment() const override;
    bool now() const override;
    /// What asked first, for a person; empty: nobody did.
    static std::string cause();

  private:
    static constexpr std::array<int, 3> kSignals = {SIGINT, SIGHUP, SIGTERM};
    std::array<struct sigaction, kSignals.size()> old_{};
};

/// While it lives, SIGTSTP (Ctrl-Z) is a request to be asked for, unless it is ignored. One at a time.
class Suspension {
  public:
    Suspension();
    ~Suspension();
    Suspension(const Suspension&) = delete;
    Suspension& operator=(const Suspension&) = delete;
    /// Once for each request.
    bool asked() const;

  private:
    struct sigaction old_{};
};

/// Nobody ever asks to stop.
class NeverStop : public StopRequest {
  public:
    bool after_experiment() const override { return false; }
    bool now() const override { return false; }
};

}  // namespace autoresearch

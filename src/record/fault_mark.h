#pragma once

#include <signal.h>

#include <array>
#include <exception>
#include <filesystem>
#include <string>

namespace autoresearch {

/// While it lives, the end of this program by its own fault leaves the reason in a file: a fatal signal such
/// as SIGSEGV, which then does what it would have done, or an exception that was shown to it. Not so SIGKILL,
/// SIGTERM or a power cut. One at a time; it is not for the processes that this one forks off.
class FaultMark {
  public:
    explicit FaultMark(const std::filesystem::path& file);
    ~FaultMark();
    FaultMark(const FaultMark&) = delete;
    FaultMark& operator=(const FaultMark&) = delete;

    /// Not for what a person or the machine has to mend: a UserError, a full disk, what is gone or forbidden.
    void leave(const std::exception& error) const;

    /// What is in the file, in one line; empty if there is none.
    static std::string reason_in(const std::filesystem::path& file);

  private:
    static constexpr std::array<int, 5> kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

    const std::string file_;
    std::array<struct sigaction, kSignals.size()> old_{};
    stack_t old_stack_{};
};

}  // namespace autoresearch

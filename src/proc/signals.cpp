#include "proc/signals.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace autoresearch {
namespace {

// Lock-free, as a signal handler needs it.
std::atomic<int> requests{0};  // 1: after the experiment, 2 and more: now
std::atomic<int> first_signal{0};
std::atomic<const char*> message{nullptr};
std::atomic<bool> suspend_requested{false};

void count_request(int signal) {
    int nobody = 0;
    first_signal.compare_exchange_strong(nobody, signal);
    const char* text = message.load();
    const bool now = signal == SIGTERM || text == nullptr;
    if (requests.fetch_add(now ? 2 : 1) > 0 || now) return;
    const int saved = errno;
    for (const char* part : {"\n", text, "\n"}) {
        if (::write(STDERR_FILENO, part, std::strlen(part)) < 0) break;  // a closed terminal
    }
    errno = saved;
}

}  // namespace

SignalStop::SignalStop(const char* first_message) {
    requests = first_signal = 0;
    message = first_message;
    struct sigaction action{};
    action.sa_handler = count_request;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
        ::sigaction(kSignals[i], nullptr, &old_[i]);
        if (old_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
    }
}

SignalStop::~SignalStop() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &old_[i], nullptr);
}

Suspension::Suspension() {
    struct sigaction action{};
    action.sa_handler = [](int) { suspend_requested = true; };
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGTSTP, nullptr, &old_);
    if (old_.sa_handler != SIG_IGN) ::sigaction(SIGTSTP, &action, nullptr);
}

Suspension::~Suspension() {
    ::sigaction(SIGTSTP, &old_, nullptr);
    if (asked()) ::raise(SIGTSTP);
}

bool Suspension::asked() const {
    return suspend_requested.exchange(false);
}

bool SignalStop::after_experiment() const {
    return requests > 0;
}
std::string SignalStop::cause() {
    if (first_signal == SIGHUP) return "the terminal was closed (SIGHUP); with --detach a run goes on then";
    if (first_signal == SIGTERM) return "somebody ended it (SIGTERM)";
    return first_signal == 0 ? "" : "you stopped it";
}

bool SignalStop::now() const {
    return requests > 1;
}

}  // namespace autoresearch

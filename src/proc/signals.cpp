#include "proc/signals.h"

#include <atomic>

namespace autoresearch {
namespace {

std::atomic<int> requests{0};  // 1: after the experiment, 2 and more: now
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

void count_request(int signal) {
    requests.fetch_add(signal == SIGTERM ? 2 : 1);
}

}  // namespace

SignalStop::SignalStop() {
    requests = 0;
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

bool SignalStop::after_experiment() const {
    return requests > 0;
}
bool SignalStop::now() const {
    return requests > 1;
}

}  // namespace autoresearch

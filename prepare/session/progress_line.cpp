#include "prepare/session/progress_line.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace autoresearch {

ProgressLine::ProgressLine() : terminal_(isatty(STDOUT_FILENO) != 0) {}

void ProgressLine::show(const Values& values) {
    constexpr double kKeep = 0.9, kPlainSeconds = 5;
    smooth_loss_ = kKeep * smooth_loss_ + (1 - kKeep) * values.loss;
    weight_ = kKeep * weight_ + (1 - kKeep);
    if (!terminal_ && shown_at_ >= 0 && values.seconds < shown_at_ + kPlainSeconds) return;
    shown_at_ = values.seconds;
    const double span = values.seconds - last_.seconds;
    const double rate = span > 0 ? static_cast<double>(values.tokens - last_.tokens) / span : 0;
    const double share = std::min(1.0, values.seconds / values.budget);
    std::printf("%sstep %05lld (%.1f%%) | loss: %.6f | tok/sec: %.0f | remaining: %.0fs%s",
                terminal_ ? "\r" : "", static_cast<long long>(values.step), 100 * share,
                smooth_loss_ / weight_, rate, std::max(0.0, values.budget - values.seconds),
                terminal_ ? "    " : "\n");
    std::fflush(stdout);
    open_ = terminal_;
    last_ = values;
}

void ProgressLine::finish() {
    if (open_) std::printf("\n");
    open_ = false;
}

}  // namespace autoresearch

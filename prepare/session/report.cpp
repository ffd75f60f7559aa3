#include "prepare/session/report.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "autoresearch/error.h"
#include "autoresearch/events.h"

namespace autoresearch {

Report::Report(int events_descriptor)
    : descriptor_(events_descriptor), terminal_(isatty(STDOUT_FILENO) != 0) {
    // The descriptor is not for programs that this one may start.
    if (descriptor_ >= 0 && fcntl(descriptor_, F_SETFD, FD_CLOEXEC) != 0)
        throw UserError("--events-fd " + std::to_string(descriptor_) + " is not open");
}

void Report::event(const nlohmann::json& event) const {
    if (descriptor_ < 0) return;
    const std::string line = event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t n = write(descriptor_, line.data() + done, line.size() - done);
        if (n < 0 && errno != EINTR) return;
        if (n > 0) done += static_cast<std::size_t>(n);
    }
}

void Report::progress(const Progress& now) {
    event({{"event", events::kStep},
           {"step", now.step},
           {"seconds", now.seconds},
           {"progress", now.share},
           {"loss", now.loss},
           {"tokens", now.tokens}});
    constexpr double kKeep = 0.9, kPlainSeconds = 5;
    smooth_loss_ = kKeep * smooth_loss_ + (1 - kKeep) * now.loss;
    weight_ = kKeep * weight_ + (1 - kKeep);
    if (!terminal_ && shown_at_ >= 0 && now.seconds < shown_at_ + kPlainSeconds) return;
    shown_at_ = now.seconds;
    const double span = now.seconds - last_.seconds;
    const double rate = span > 0 ? static_cast<double>(now.tokens - last_.tokens) / span : 0;
    std::printf("%sstep %05lld (%.1f%%) | loss: %.6f | tok/sec: %.0f | remaining: %.0fs%s",
                terminal_ ? "\r" : "", static_cast<long long>(now.step), 100 * now.share,
                smooth_loss_ / weight_, rate, std::max(0.0, now.budget - now.seconds),
                terminal_ ? "    " : "\n");
    std::fflush(stdout);
    open_ = terminal_;
    last_ = now;
}

void Report::end_progress() {
    if (open_) std::printf("\n");
    open_ = false;
}

void Report::summary(const Summary& s) {
    const struct {
        const char* key;
        int digits;
        double value;
    } lines[] = {{events::kValBpb, 6, s.val_bpb},
                 {events::kTrainingSeconds, 1, s.training_seconds},
                 {events::kTotalSeconds, 1, s.total_seconds},
                 {events::kPeakVramMb, 1, s.peak_mb},
                 {events::kMfuPercent, 2, s.mfu_percent},
                 {events::kTotalTokensM, 1, s.tokens / 1e6},
                 {events::kNumSteps, 0, static_cast<double>(s.steps)},
                 {events::kNumParamsM, 1, static_cast<double>(s.num_params) / 1e6},
                 {events::kDepth, 0, static_cast<double>(s.depth)}};
    nlohmann::json result = {{"event", events::kResult}, {"split", s.split}};
    if (s.split != "val") std::printf("val_bpb below is of the %s split\n", s.split.c_str());
    std::printf("---\n");
    for (const auto& [key, digits, value] : lines) {
        std::printf("%-18s%.*f\n", (std::string(key) + ":").c_str(), digits, value);
        result[key] = digits > 0 ? nlohmann::json(value) : nlohmann::json(static_cast<std::int64_t>(value));
    }
    std::fflush(stdout);
    event(result);
}

}  // namespace autoresearch

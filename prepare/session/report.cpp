#include "prepare/session/report.h"

#include <ATen/Functions.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "autoresearch/events.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

constexpr const char* kHeader = "step,seconds,progress,loss,tokens";

/// Programs that this one may start must not inherit the descriptor.
void keep_to_us(int descriptor, const std::string& flag) {
    if (descriptor >= 0 && fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0)
        throw UserError(flag + " " + std::to_string(descriptor) + " is not open");
}

}  // namespace

Report::Report(int events_descriptor)
    : descriptor_(events_descriptor), terminal_(isatty(STDOUT_FILENO) != 0) {
    keep_to_us(descriptor_, "--events-fd");
}

void Report::event(const nlohmann::json& event) const {
    if (descriptor_ < 0) return;
    write_all(descriptor_, event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n",
              "--events-fd");
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

void Report::summary(const std::vector<Number>& numbers, const std::string& split, const std::string& notes) {
    nlohmann::json result = {{"event", events::kResult}, {"split", split}};
    std::printf("%s---\n", notes.c_str());
    for (const auto& [key, digits, value] : numbers) {
        std::printf("%-18s%.*f\n", (std::string(key) + ":").c_str(), digits, value);
        result[key] = digits > 0 ? nlohmann::json(value) : nlohmann::json(static_cast<std::int64_t>(value));
    }
    std::fflush(stdout);
    event(result);
}

CurveFile::CurveFile(int descriptor) : descriptor_(descriptor) {
    keep_to_us(descriptor_, "--curve-fd");
    if (descriptor_ >= 0) write_all(descriptor_, std::string(kHeader) + "\n", "--curve-fd");
}

void CurveFile::add(const Line& line) {
    if (descriptor_ >= 0) waiting_.push_back(line);
}

void CurveFile::flush() {
    if (waiting_.empty()) return;
    std::vector<at::Tensor> losses;
    losses.reserve(waiting_.size());
    for (const Line& line : waiting_)
        losses.push_back(line.loss.reshape({}).to(waiting_.front().loss.device(), at::kFloat));
    const at::Tensor on_host = at::stack(losses).cpu();  // one wait for the device
    const float* loss = on_host.const_data_ptr<float>();
    char text[160];
    std::string lines;
    for (const Line& line : waiting_) {
        std::snprintf(text, sizeof text, "%lld,%.6f,%.17g,%.9g,%lld\n", static_cast<long long>(line.step),
                      line.seconds, line.progress, static_cast<double>(*loss++),
                      static_cast<long long>(line.tokens));
        lines += text;
    }
    write_all(descriptor_, lines, "--curve-fd");
    waiting_.clear();
}

std::vector<double> read_trace(const std::filesystem::path& file) {
    if (file.empty()) return {};
    const auto fail = [&](const std::string& what) {
        return UserError(file.string() + ": " + what, "give a curve-SEED.csv of an experiment");
    };
    std::ifstream in(file);
    std::string text;
    if (!std::getline(in, text) || text != kHeader) throw fail("not a trace of a run");
    std::vector<double> shares;
    while (std::getline(in, text)) {
        std::size_t step = 0;
        double seconds = 0, progress = 0, loss = 0, tokens = 0;
        const int read =  // NOLINTNEXTLINE(bugprone-unchecked-string-to-number-conversion)
            std::sscanf(text.c_str(), "%zu,%lf,%lf,%lf,%lf", &step, &seconds, &progress, &loss, &tokens);
        if (read != 5 || step != shares.size() + 1 || !(progress >= 0 && progress <= 1))
            throw fail("line " + std::to_string(shares.size() + 2) + " does not follow the one before");
        shares.push_back(progress);
    }
    if (shares.empty()) throw fail("no steps");
    return shares;
}

}  // namespace autoresearch

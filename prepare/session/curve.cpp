#include "prepare/session/curve.h"

#include <ATen/Functions.h>

#include <cstdio>
#include <sstream>

#include "autoresearch/error.h"

namespace autoresearch {
namespace {

constexpr const char* kHeader = "step,seconds,progress,loss,tokens";

}  // namespace

CurveFile::CurveFile(const std::filesystem::path& file) {
    if (file.empty()) return;
    out_.open(file);
    if (!out_) throw UserError(file.string() + " cannot be written");
    out_ << kHeader << '\n';
}

void CurveFile::add(std::int64_t step, double seconds, double progress, const at::Tensor& loss,
                    std::int64_t tokens) {
    if (out_.is_open()) waiting_.push_back({step, seconds, progress, loss, tokens});
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
    for (const Line& line : waiting_) {
        std::snprintf(text, sizeof text, "%lld,%.6f,%.17g,%.9g,%lld\n", static_cast<long long>(line.step),
                      line.seconds, line.progress, static_cast<double>(*loss++),
                      static_cast<long long>(line.tokens));
        out_ << text;
    }
    out_.flush();
    waiting_.clear();
}

std::vector<double> read_trace(const std::filesystem::path& file) {
    const auto fail = [&](const std::string& what) -> UserError {
        return UserError(file.string() + ": " + what, "give the curve.csv of an experiment");
    };
    std::ifstream in(file);
    std::string text;
    if (!std::getline(in, text) || text != kHeader) throw fail("no trace of a run");
    std::vector<double> shares;
    while (std::getline(in, text)) {
        std::istringstream line(text);
        std::size_t step = 0;
        double seconds = 0, progress = 0, loss = 0, tokens = 0;
        char comma = 0;
        line >> step >> comma >> seconds >> comma >> progress >> comma >> loss >> comma >> tokens;
        if (!line || step != shares.size() + 1 || !(progress >= 0 && progress <= 1))
            throw fail("line " + std::to_string(shares.size() + 2) + " does not follow the one before");
        shares.push_back(progress);
    }
    if (shares.empty()) throw fail("no steps");
    return shares;
}

}  // namespace autoresearch

#include "contract/curve.h"

#include <cmath>
#include <cstdio>
#include <string>

#include "util/text.h"

namespace autoresearch {

Curve read_curve(const std::filesystem::path& file) {
    Curve curve;
    const std::string text = try_read_file(file).value_or("");
    for (const std::string_view line : split_lines(text)) {
        double share = 0, loss = 0;
        const std::string row(line);  // the header and a torn line have no numbers
        // NOLINTNEXTLINE(bugprone-unchecked-string-to-number-conversion)
        if (std::sscanf(row.c_str(), "%*d,%*f,%lf,%lf,", &share, &loss) != 2) continue;
        if (!std::isfinite(share) || !std::isfinite(loss)) continue;
        curve.share.push_back(share);
        curve.loss.push_back(loss);
    }
    return curve;
}

std::optional<double> mean_loss(const Curve& curve, double share) {
    constexpr double kWindow = 0.2;
    double sum = 0;
    int count = 0;
    for (std::size_t i = 0; i < curve.share.size(); ++i) {
        if (curve.share[i] <= share - kWindow || curve.share[i] > share) continue;
        sum += curve.loss[i];
        ++count;
    }
    return count == 0 ? std::nullopt : std::optional(sum / count);
}

}  // namespace autoresearch

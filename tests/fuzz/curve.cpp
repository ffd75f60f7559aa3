// curve-SEED.csv, which the trainer's process writes.

#include "contract/curve.h"

#include <cmath>

#include "fuzz.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    const Curve curve = read_curve(scratch().write("curve.csv", bytes));
    must(curve.share.size() == curve.loss.size(), "every step has both");
    for (std::size_t i = 0; i < curve.share.size(); ++i)
        must(std::isfinite(curve.share[i]) && std::isfinite(curve.loss[i]), "they are numbers");
    for (const double share : {0.3, 0.5, 1.0}) mean_loss(curve, share);
}

}  // namespace autoresearch

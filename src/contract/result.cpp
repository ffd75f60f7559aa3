#include "contract/result.h"

#include <array>
#include <stdexcept>

namespace autoresearch {

namespace {

// In the order of the enum. The names stand in ledgers: never rename one.
constexpr std::array<std::string_view, 12> kEndings = {
    "ok",         "no_proposal",   "refused", "build_failed", "crashed",     "timed_out",
    "not_finite", "out_of_memory", "invalid", "no_result",    "ended_early", "interrupted"};
static_assert(kEndings.size() == static_cast<std::size_t>(Ending::interrupted) + 1);

}  // namespace

std::string_view to_string(Ending ending) {
    return kEndings.at(static_cast<std::size_t>(ending));
}

Ending ending_from_string(std::string_view name) {
    for (std::size_t i = 0; i < kEndings.size(); ++i) {
        if (kEndings[i] == name) return static_cast<Ending>(i);
    }
    throw std::invalid_argument("unknown ending: " + std::string(name));
}

}  // namespace autoresearch

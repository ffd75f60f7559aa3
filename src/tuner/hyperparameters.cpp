#include "tuner/hyperparameters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <regex>
#include <stdexcept>

namespace autoresearch {
namespace {

constexpr const char* kBegin = "// --- hyperparameters";
constexpr const char* kEnd = "// --- end of hyperparameters";
constexpr std::size_t kLongestLine = 1000;  // std::regex takes stack by the character
constexpr std::array<std::string_view, 3> kColumns = {"mps", "cuda", "cpu"};

/// Groups: type, name, the three cells of a PerDevice, the number of a plain constant.
const std::regex& declaration() {
    static const std::string number = R"(\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*)";
    static const std::regex pattern(
        R"(\s*(?:static |inline )?constexpr (?:PerDevice<)?(?:std::)?(double|int|long|int64_t|size_t)>? (\w+) ?= ?)"
        R"((?:\{)" +
        number + "," + number + "," + number + R"(\}|)" + number + ");.*");
    return pattern;
}

}  // namespace

std::optional<std::vector<Hyperparameter>> find_hyperparameters(const std::string& source,
                                                                const std::string& device) {
    const auto column = std::find(kColumns.begin(), kColumns.end(), device) - kColumns.begin();
    if (column == static_cast<std::ptrdiff_t>(kColumns.size()))
        throw std::invalid_argument("device '" + device + "' is none of mps, cuda, cpu");
    const std::size_t begin = source.find(kBegin);
    const std::size_t end = begin == std::string::npos ? begin : source.find(kEnd, begin);
    if (end == std::string::npos) return std::nullopt;

    std::vector<Hyperparameter> parameters;
    for (std::size_t at = begin; at < end;) {
        const std::size_t line_end = std::min(source.find('\n', at), end);
        std::smatch match;
        if (line_end - at < kLongestLine &&
            std::regex_match(source.begin() + static_cast<std::ptrdiff_t>(at),
                             source.begin() + static_cast<std::ptrdiff_t>(line_end), match, declaration())) {
            const auto group = match[6].matched ? 6 : 3 + static_cast<std::size_t>(column);
            parameters.push_back({match[2], match[1] != "double",
                                  std::strtod(match[group].str().c_str(), nullptr),
                                  at + static_cast<std::size_t>(match.position(group)),
                                  static_cast<std::size_t>(match.length(group))});
        }
        at = line_end + 1;
    }
    return parameters;
}

std::string number_text(const Hyperparameter& parameter, double value) {
    if (parameter.integer) return std::to_string(std::llround(value));
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    // A whole number keeps the look of a real one.
    const bool whole = std::string_view(text).find_first_of(".en") == std::string_view::npos;
    return std::string(text) + (whole ? ".0" : "");
}

std::string with_value(std::string source, const Hyperparameter& parameter, double value) {
    return source.replace(parameter.begin, parameter.length, number_text(parameter, value));
}

}  // namespace autoresearch

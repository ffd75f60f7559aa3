#include "tuner/hyperparameters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <regex>
#include <stdexcept>

#include "util/text.h"

namespace autoresearch {

namespace {

constexpr std::string_view kBegin = "// --- hyperparameters";
constexpr std::string_view kEnd = "// --- end of hyperparameters";
constexpr std::size_t kLongestLine = 1000;  // std::regex takes stack by the character
constexpr std::size_t kLongestNumber = 40;
constexpr std::array<std::string_view, 3> kColumns = {"mps", "cuda", "cpu"};

struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
};

Span trimmed(std::string_view source, Span span) {
    while (span.begin < span.end && source[span.begin] == ' ') ++span.begin;
    while (span.end > span.begin && source[span.end - 1] == ' ') --span.end;
    return span;
}

/// The cell of that column between the braces; nothing when there are not exactly three.
std::optional<Span> cell(std::string_view source, Span list, std::size_t column) {
    std::vector<Span> cells;
    for (std::size_t at = list.begin; at <= list.end;) {
        const std::size_t comma = std::min(source.find(',', at), list.end);
        cells.push_back({at, comma});
        at = comma + 1;
    }
    if (cells.size() != kColumns.size()) return std::nullopt;
    return cells[column];
}

/// Reads the number in the span into the parameter; false when it is anything else than a plain number.
bool read_number(std::string_view source, Span span, Hyperparameter& parameter) {
    static const std::regex real(R"([-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?)");
    static const std::regex integer(R"([-+]?\d+('\d+)*)");
    static const std::regex shift(R"(1\s*<<\s*(\d+))");

    span = trimmed(source, span);
    if (span.end - span.begin > kLongestNumber) return false;
    const std::string text(source.substr(span.begin, span.end - span.begin));
    std::smatch match;
    if (parameter.integer && std::regex_match(text, match, shift) && match[1].length() < 3) {
        parameter.shift = true;
        parameter.begin = span.begin + static_cast<std::size_t>(match.position(1));
        parameter.end = span.end;
        parameter.value = std::exp2(std::strtod(match[1].str().c_str(), nullptr));
        return true;
    }
    if (!std::regex_match(text, parameter.integer ? integer : real)) return false;
    parameter.begin = span.begin;
    parameter.end = span.end;
    parameter.value = std::strtod(replace_all(text, "'", "").c_str(), nullptr);
    return true;
}

std::optional<Hyperparameter> read_line(std::string_view source, Span line, std::size_t column) {
    static const std::regex declaration(
        R"(\s*(?:static |inline )?constexpr (PerDevice<)?(?:std::)?(double|int|long|int64_t|size_t)>? (\w+) ?= ?(\{?))");
    std::cmatch match;
    const char* begin = source.data() + line.begin;
    const char* end = source.data() + line.end;
    if (!std::regex_search(begin, end, match, declaration, std::regex_constants::match_continuous))
        return std::nullopt;
    const bool per_device = match[1].matched;
    if (per_device != (match[4].length() > 0)) return std::nullopt;

    Hyperparameter parameter;
    parameter.name = match[3];
    parameter.integer = match[2] != "double";
    const std::size_t value_begin = line.begin + static_cast<std::size_t>(match.length(0));
    const std::size_t value_end = source.find(per_device ? '}' : ';', value_begin);
    if (value_end == std::string_view::npos || value_end >= line.end) return std::nullopt;
    std::optional<Span> span = Span{value_begin, value_end};
    if (per_device) span = cell(source, *span, column);
    if (!span || !read_number(source, *span, parameter)) return std::nullopt;
    return parameter;
}

}  // namespace

std::optional<std::vector<Hyperparameter>> find_hyperparameters(std::string_view source,
                                                                const std::string& device) {
    const auto column = std::find(kColumns.begin(), kColumns.end(), device) - kColumns.begin();
    if (column == static_cast<std::ptrdiff_t>(kColumns.size()))
        throw std::invalid_argument("device '" + device + "' is none of mps, cuda, cpu");
    const std::size_t begin = source.find(kBegin);
    if (begin == std::string_view::npos) return std::nullopt;
    const std::size_t end = source.find(kEnd, begin);
    if (end == std::string_view::npos) return std::nullopt;

    std::vector<Hyperparameter> parameters;
    for (std::size_t at = begin; at < end;) {
        const std::size_t line_end = source.find('\n', at);
        if (line_end == std::string_view::npos) break;
        if (line_end - at < kLongestLine) {
            auto parameter = read_line(source, {at, line_end}, static_cast<std::size_t>(column));
            if (parameter) parameters.push_back(*std::move(parameter));
        }
        at = line_end + 1;
    }
    return parameters;
}

std::string number_text(const Hyperparameter& parameter, double value) {
    char text[64];
    if (parameter.integer) {
        std::snprintf(text, sizeof text, "%lld", std::llround(value));
        return text;
    }
    if (value > 0.9 && value < 1) {
        // The distance from 1 is what counts in a momentum: two digits of it.
        std::snprintf(text, sizeof text, "%.*f", static_cast<int>(std::ceil(-std::log10(1 - value))) + 1,
                      value);
        while (text[std::strlen(text) - 1] == '0') text[std::strlen(text) - 1] = '\0';
        return text;
    }
    std::snprintf(text, sizeof text, "%.3g", value);
    // A whole number keeps the look of a real one.
    const std::string_view digits = text;
    return digits.find_first_of(".en") == std::string_view::npos ? std::string(digits) + ".0"
                                                                 : std::string(digits);
}

std::string with_value(std::string_view source, const Hyperparameter& parameter, double value) {
    auto text = number_text(parameter, parameter.shift ? std::log2(value) : value);
    const auto old_length = static_cast<std::ptrdiff_t>(parameter.end - parameter.begin);
    const auto growth = static_cast<std::ptrdiff_t>(text.size()) - old_length;
    std::string result(source);

    const std::size_t line_end = source.find('\n', parameter.end);
    const std::size_t comment = source.find("//", parameter.end);
    if (comment != std::string_view::npos && (line_end == std::string_view::npos || comment < line_end)) {
        if (growth < 0) result.insert(comment, static_cast<std::size_t>(-growth), ' ');
        // Two spaces stay before the comment.
        std::size_t spare = comment;
        while (result[spare - 1] == ' ') --spare;
        const auto room = std::max<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(comment - spare) - 2, 0);
        if (growth > 0) result.erase(spare, static_cast<std::size_t>(std::min(growth, room)));
    }
    return result.replace(parameter.begin, static_cast<std::size_t>(old_length), text);
}

}  // namespace autoresearch

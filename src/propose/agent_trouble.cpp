#include "propose/agent_trouble.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

#include "util/text.h"

namespace autoresearch {
namespace {

struct Trouble {
    const char* name;
    std::vector<std::string_view> phrases;  // lower case
    std::vector<std::string_view> numbers;  // only as whole words: a process id may contain them
};

// The first match wins: a spent quota also says 429.
const std::vector<Trouble>& troubles() {
    static const std::vector<Trouble> all = {
        {"usage limit",
         {"usage limit", "session limit", "weekly limit", "usage_limit_reached", "insufficient_quota",
          "exceeded your current quota", "quota exceeded", "out of credits", "spend cap", "spend limit",
          "credit balance is too low"},
         {}},
        {"not logged in",
         {"authenticat", "unauthorized", "invalid api key", "invalid_api_key", "invalid-api-key",
          "incorrect api key", "not logged in", "run /login"},
         {"401"}},
        {"server busy",
         {"rate limit", "ratelimit", "rate_limit", "rate-limit", "too many requests", "overloaded",
          "at capacity", "resource_exhausted", "temporarily limiting", "serviceunavailable",
          "exceeded retry limit"},
         {"429", "529"}}};
    return all;
}

bool has_number(std::string_view line, std::string_view number) {
    const auto is_word = [&](std::size_t at) {
        return at < line.size() &&
               (std::isalnum(static_cast<unsigned char>(line[at])) != 0 || line[at] == '_');
    };
    for (auto at = line.find(number); at != std::string_view::npos; at = line.find(number, at + 1)) {
        if (!(at > 0 && is_word(at - 1)) && !is_word(at + number.size())) return true;
    }
    return false;
}

/// "You've hit your session limit", with up to 40 bytes between.
bool hit_your_limit(std::string_view line) {
    const auto hit = line.find("hit your ");
    return hit != std::string_view::npos && line.substr(hit, 60).find("limit") != std::string_view::npos;
}

bool tells_of(const Trouble& trouble, std::string_view line) {
    return std::any_of(trouble.phrases.begin(), trouble.phrases.end(),
                       [&](auto phrase) { return line.find(phrase) != std::string_view::npos; }) ||
           std::any_of(trouble.numbers.begin(), trouble.numbers.end(),
                       [&](auto number) { return has_number(line, number); });
}

}  // namespace

std::string agent_trouble(const std::string& log_tail) {
    std::string lower = log_tail;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto lines = split_lines(lower);
    const auto originals = split_lines(log_tail);
    for (const Trouble& trouble : troubles()) {
        for (std::size_t i = 0; i < lines.size(); ++i) {
            const bool first_kind = &trouble == &troubles().front();
            if (tells_of(trouble, lines[i]) || (first_kind && hit_your_limit(lines[i]))) {
                return std::string(trouble.name) + ": " + clean_line(originals[i], 200);
            }
        }
    }
    return {};
}

}  // namespace autoresearch

#include "propose/agent_output.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string_view>

#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::json;

constexpr int kMostBroken = 10000;            // lines that look like JSON and are none: then it is a flood
constexpr int kMostLongValues = 8;            // over several lines; each may cost a look at the whole rest
constexpr std::size_t kLongestLine = 2000;    // std::regex takes stack by the character
constexpr std::size_t kPlainTail = 64 << 10;  // of the plain lines: trouble comes last

std::regex words(const char* pattern) {
    return std::regex(pattern, std::regex::icase | std::regex::optimize);
}

/// The JSON value that begins at `at` and goes on over several lines, and where it ends; null when there is
/// none.
json long_value(const std::string& text, std::size_t at, std::size_t& end) {
    std::istringstream rest(text.substr(at));
    json value;
    try {
        rest >> value;
    } catch (const json::exception&) {
        return nullptr;
    }
    end = rest.eof() ? text.size() : at + static_cast<std::size_t>(rest.tellg());
    return value;
}

/// Every JSON value that begins a line of `text`, the elements of arrays one by one. The other lines are
/// added to `plain`.
std::vector<json> json_values(const std::string& text, std::string& plain) {
    std::vector<json> values;
    int broken = 0, long_values = 0;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = trim(std::string_view(text).substr(at, end - at));
        json value;
        if ((line.starts_with('{') || line.starts_with('[')) && broken < kMostBroken) {
            try {
                value = json::parse(line);
            } catch (const json::parse_error& error) {
                ++broken;
                const bool goes_on = error.byte > line.size();
                if (goes_on && long_values++ < kMostLongValues) value = long_value(text, at, end);
            } catch (const json::exception&) {  // a number that is too large
                ++broken;
            }
        }
        if (value.is_array()) {
            values.insert(values.end(), value.begin(), value.end());
        } else if (value.is_object()) {
            values.push_back(std::move(value));
        } else {
            plain.append(line).append("\n");
        }
        at = end + 1;
    }
    return values;
}

void follow(const json& value, std::string_view path, std::vector<const json*>& found) {
    if (path.empty()) return found.push_back(&value);
    const auto dot = path.find('.');
    const std::string name(path.substr(0, dot));
    const std::string_view rest = dot == std::string_view::npos ? "" : path.substr(dot + 1);
    if (name == "*" && value.is_structured()) {
        for (const json& member : value) follow(member, rest, found);
    } else if (value.is_object() && value.contains(name)) {
        follow(value[name], rest, found);
    }
}

std::string text_of(const json& value) {
    return value.is_string() ? value.get<std::string>()
                             : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool holds(const json& value, const std::string& condition, std::size_t equals) {
    const bool negative = equals > 0 && condition[equals - 1] == '!';
    std::vector<const json*> found;
    follow(value, std::string_view(condition).substr(0, equals - (negative ? 1 : 0)), found);
    return !found.empty() && (text_of(*found.front()) == condition.substr(equals + 1)) != negative;
}

std::vector<const json*> matches(const std::vector<json>& values, const OutputRule& rule) {
    std::vector<const json*> found;
    for (const json& value : values) {
        const bool fits = std::all_of(rule.begin(), rule.end(), [&](const std::string& part) {
            const auto equals = part.find('=');
            return equals == std::string::npos || holds(value, part, equals);
        });
        for (const std::string& part : rule) {
            if (fits && part.find('=') == std::string::npos) follow(value, part, found);
        }
    }
    return found;
}

std::string last_text(const std::vector<json>& values, const OutputRule& rule) {
    std::string last;
    for (const json* match : matches(values, rule)) {
        if (match->is_string() && !trim(match->get_ref<const std::string&>()).empty()) last = *match;
    }
    return last;
}

double sum(const std::vector<json>& values, const OutputRule& rule) {
    double total = 0;
    for (const json* match : matches(values, rule)) {
        if (match->is_number() && match->get<double>() > 0) total += match->get<double>();
    }
    return std::isfinite(total) ? total : 0;
}

/// The lines that may tell of trouble: those that fit `pattern`, and none of an edit that the agent shows.
std::string trouble_lines(const std::string& plain, const std::string& pattern) {
    const std::regex wanted = words(pattern.c_str());
    std::string result;
    bool in_edit = false;
    const std::size_t skipped = plain.size() - std::min(plain.size(), kPlainTail);
    for (const std::string_view line : split_lines(std::string_view(plain).substr(skipped))) {
        in_edit = (in_edit || line.starts_with("<<<<<<<")) && !line.starts_with(">>>>>>>");
        const std::string_view start = line.substr(0, kLongestLine);
        if (!in_edit && std::regex_search(start.begin(), start.end(), wanted)) result.append(start) += '\n';
    }
    return result;
}

/// "2h 5m", "1.5 minutes", "20s", "30" in seconds; 0 when the text does not begin with such a thing.
double leading_duration(std::string text) {
    static const std::regex part =
        words(R"(^[ ,]*(?:and )?(\d+(?:\.\d+)?) ?(?:(d)|(h)|(ms|milli)|(m)|s|)[a-z]*)");
    double seconds = 0;
    for (std::smatch match; std::regex_search(text, match, part); text = match.suffix()) {
        const double unit = match[2].matched   ? 86400
                            : match[3].matched ? 3600
                            : match[4].matched ? 0.001
                            : match[5].matched ? 60
                                               : 1;
        seconds += std::stod(match[1]) * unit;
    }
    return seconds;
}

/// The next time that the local clock shows what the text begins with ("3:45pm", "Nov 25, 2026 4:45 PM"), in
/// seconds since 1970; 0 when it begins with no time.
double leading_time(const std::string& text, std::time_t now) {
    for (const std::string format :
         {"%b %d, %Y %I:%M %p", "%b %d, %I:%M %p", "%b %d, %I %p", "%I:%M %p", "%I %p", "%H:%M"}) {
        std::tm time{};
        localtime_r(&now, &time);
        time.tm_min = time.tm_sec = 0;
        if (::strptime(text.c_str(), format.c_str(), &time) == nullptr) continue;
        time.tm_isdst = -1;
        const std::tm told = time;
        if (std::mktime(&time) > now) return static_cast<double>(std::mktime(&time));
        time = told;
        const bool has_date = format.starts_with("%b");
        ++(has_date ? time.tm_year : time.tm_mday);
        return static_cast<double>(std::mktime(&time));
    }
    return 0;
}

}  // namespace

AgentOutput read_output(const OutputRules& rules, const std::string& log, const std::string& file) {
    AgentOutput output;
    std::string plain, no_lines;
    std::vector<json> values;
    if (!rules.file.empty()) {
        values = json_values(file, no_lines);
        plain = log;
    } else if (!rules.tokens.empty() || !rules.message.empty()) {
        values = json_values(log, plain);
    } else {
        plain = log;
    }
    output.message = last_text(values, rules.message);
    output.session = last_text(values, rules.session);
    output.usd = sum(values, rules.usd);
    output.tokens = static_cast<std::int64_t>(std::min(sum(values, rules.tokens), 1e15));
    for (const json* match : matches(values, rules.error)) {
        if (!match->is_null()) output.error += (output.error.empty() ? "" : "; ") + text_of(*match);
    }
    output.plain = trouble_lines(plain, rules.troubles);
    if (output.message.empty()) output.message = last_line(plain);
    return output;
}

std::optional<Trouble> agent_trouble(const std::string& text) {
    struct Kind {
        const char* name;
        Remedy remedy;
        std::regex words;
    };
    // The first match wins: a spent quota also says 429.
    static const Kind kinds[] = {
        {"usage limit", Remedy::wait,
         words("hit your .{0,40}limit|(usage|session|weekly|spend|monthly) limit|limit reached|"
               "usage_limit_reached|insufficient_quota|quota exceeded|exceeded your current quota|"
               "quotaerror|out of credits|spend cap|credit balance is too low")},
        {"not logged in", Remedy::person,
         words("authenticat|unauthorized|\\b401\\b|(invalid|incorrect)[ _.-]api[ _.-]key|not logged in|"
               "run /login")},
        {"server busy", Remedy::wait,
         words("rate[ _-]?limit|too many requests|\\b(429|529)\\b|overloaded|at capacity|"
               "resource_exhausted|temporarily limiting|serviceunavailable|exceeded retry limit")},
    };
    const auto lines = split_lines(text);
    for (const Kind& kind : kinds) {
        for (const std::string_view whole : lines) {
            const std::string line(whole.substr(0, kLongestLine));
            if (!std::regex_search(line, kind.words)) continue;
            return Trouble{std::string(kind.name) + ": " + clean_line(line, 200), kind.remedy,
                           seconds_until_reset(line, static_cast<double>(std::time(nullptr)))};
        }
    }
    return std::nullopt;
}

double seconds_until_reset(const std::string& message, double now) {
    static const std::regex later = words(
        R"((?:(?:again|retry|resets?|available|wait) (?:in|for)|retry[-_ ]?after["']?)[:= ]+["']?(?=\d))");
    static const std::regex epoch = words(R"(limit reached\|(\d{10})\b)");
    static const std::regex clock = words(R"((?:resets?|again|available)(?: at| on)? (?=[a-z]{3} ?\d|\d))");
    static const std::regex ordinal = words(R"((\d)(?:st|nd|rd|th)\b)");
    constexpr double kClockMargin = 60;  // clocks are told to the minute
    std::smatch match;
    if (std::regex_search(message, match, later)) return leading_duration(match.suffix());
    double at = 0;
    if (std::regex_search(message, match, epoch)) {
        at = std::stod(match[1]);
    } else if (std::regex_search(message, match, clock)) {
        at = leading_time(std::regex_replace(match.suffix().str(), ordinal, "$1"),
                          static_cast<std::time_t>(now)) +
             kClockMargin;
    }
    return std::max(0.0, at - now);
}

}  // namespace autoresearch

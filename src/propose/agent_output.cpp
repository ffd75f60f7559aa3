#include "propose/agent_output.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <regex>
#include <string_view>

#include "util/json.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::json;

constexpr int kMostLongValues = 8;            // spanning several lines; each may cost a scan of all the rest
constexpr std::size_t kLongestLine = 2000;    // std::regex uses stack for every character
constexpr std::size_t kPlainTail = 64 << 10;  // bytes of the plain lines: trouble comes last
constexpr double kLargestSum = 1e15;          // of tokens or dollars: an agent may report nonsense
constexpr double kLongestWait = 366 * 86400;  // likewise, seconds

std::regex words(const char* pattern) {
    return std::regex(pattern, std::regex::icase | std::regex::optimize);
}

/// Every JSON value that begins a line of `text`, with arrays split into their elements. Adds the other lines
/// to `plain`.
std::vector<json> json_values(const std::string& text, std::string& plain) {
    std::vector<json> values;
    int long_values = 0;
    for (std::size_t at = 0, end = 0; at < text.size(); at = end + 1) {
        end = std::min(text.find('\n', at), text.size());
        const std::string_view line = trim(std::string_view(text).substr(at, end - at));
        const bool opens = line == "{" || line == "[";
        json value = opens ? json(json::value_t::discarded) : try_parse_json(line);
        if (opens && long_values++ < kMostLongValues) {
            // Spans several lines: ends at a line that starts with the closing bracket.
            const auto close = text.find(line == "{" ? "\n}" : "\n]", at);
            if (close != std::string::npos) {
                value = try_parse_json(std::string_view(text).substr(at, close + 2 - at));
                if (!value.is_discarded()) end = std::min(text.find('\n', close + 1), text.size());
            }
        }
        if (value.is_array()) {
            values.insert(values.end(), value.begin(), value.end());
        } else if (value.is_object()) {
            values.push_back(std::move(value));
        } else {
            plain.append(line).append("\n");
        }
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

/// "path=text" or "path!=text"; `equals` is the position of the '='.
bool holds(const json& value, const std::string& condition, std::size_t equals) {
    const bool negative = condition[equals - 1] == '!';
    std::vector<const json*> found;
    follow(value, std::string_view(condition).substr(0, equals - (negative ? 1 : 0)), found);
    return !found.empty() && (text_of(*found.front()) == condition.substr(equals + 1)) != negative;
}

std::vector<const json*> matches(const std::vector<json>& values, const OutputRule& rule) {
    std::vector<const json*> all;
    for (const json& value : values) {
        std::vector<const json*> found;
        bool fits = true;
        for (const std::string& part : rule) {
            const auto equals = part.find('=', 1);
            if (equals == std::string::npos)
                follow(value, part, found);
            else
                fits = fits && holds(value, part, equals);
        }
        if (fits) all.insert(all.end(), found.begin(), found.end());
    }
    return all;
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
        if (match->is_number()) total += std::max(0.0, match->get<double>());
    }
    return std::min(total, kLargestSum);
}

/// The last lines that may report trouble: those that match the pattern.
std::string trouble_lines(const std::string& plain, const std::string& pattern) {
    const std::regex wanted = words(pattern.c_str());
    std::string result;
    const std::size_t skipped = plain.size() - std::min(plain.size(), kPlainTail);
    for (const std::string_view line : split_lines(std::string_view(plain).substr(skipped))) {
        const std::string start(line.substr(0, kLongestLine));
        if (std::regex_search(start, wanted)) result += start + "\n";
    }
    return result;
}

/// "2h 5m", "1.5 minutes", "20s", "30" in seconds; 0 if the text does not begin with a duration.
double leading_duration(std::string text) {
    static const std::regex part =
        words(R"(^[ ,]*(?:and )?(\d+(?:\.\d+)?) ?(?:(d)|(h)|(ms|milli)|(m)|s|)[a-z]*)");
    static constexpr double kUnits[] = {86400, 3600, 0.001, 60};
    double seconds = 0;
    for (std::smatch match; std::regex_search(text, match, part); text = match.suffix()) {
        double unit = 1;
        for (std::size_t i = 0; i < std::size(kUnits); ++i) unit = match[i + 2].matched ? kUnits[i] : unit;
        seconds += std::strtod(match[1].str().c_str(), nullptr) * unit;
    }
    return std::min(seconds, kLongestWait);
}

/// Makes a zone of the tz database the local one while it lives. The program has one thread.
class InZone {
  public:
    explicit InZone(const std::string& zone) {
        if (const char* old = std::getenv("TZ")) old_ = old;
        if (!zone.empty()) ::setenv("TZ", zone.c_str(), 1);
        ::tzset();
    }
    ~InZone() {
        old_ ? ::setenv("TZ", old_->c_str(), 1) : ::unsetenv("TZ");
        ::tzset();
    }
    InZone(const InZone&) = delete;
    InZone& operator=(const InZone&) = delete;

  private:
    std::optional<std::string> old_;
};

/// The next moment at which the local clock shows the time that the text begins with ("3:45pm", "Nov 25, 2026
/// 4:45 PM"), in seconds since 1970; 0 if it does not begin with a time.
double leading_time(const std::string& text, std::time_t now) {
    for (const std::string format :
         {"%b %d, %Y %I:%M %p", "%b %d, %I:%M %p", "%b %d, %I %p", "%I:%M %p", "%I %p", "%H:%M"}) {
        std::tm time{};
        localtime_r(&now, &time);
        time.tm_min = time.tm_sec = 0;
        if (::strptime(text.c_str(), format.c_str(), &time) == nullptr) continue;
        time.tm_isdst = -1;
        std::tm later = time;
        ++(format.starts_with("%b") ? later.tm_year : later.tm_mday);
        const std::time_t first = std::mktime(&time);
        return static_cast<double>(first > now ? first : std::mktime(&later));
    }
    return 0;
}

}  // namespace

AgentOutput read_output(const OutputRules& rules, const std::string& log, const std::string& file) {
    AgentOutput output;
    std::string plain, no_lines;
    std::vector<json> values;
    if (!rules.file.empty()) values = json_values(file, no_lines);
    const bool in_log = rules.file.empty() && (!rules.tokens.empty() || !rules.message.empty());
    if (in_log)
        values = json_values(log, plain);
    else
        plain = log;
    output.message = last_text(values, rules.message);
    output.session = last_text(values, rules.session);
    output.usd = sum(values, rules.usd);
    output.tokens = static_cast<std::int64_t>(sum(values, rules.tokens));
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
    // The first match wins: an exhausted quota also says 429.
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
    for (const Kind& kind : kinds) {
        for (const std::string_view whole : split_lines(text)) {
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
    static const std::regex clock =
        words(R"((?:resets?|again|available)(?: at| on)? ((?:[a-z]{3} ?)?\d[^(]*)(?:\(([a-z0-9_+/-]+)\))?)");
    static const std::regex ordinal = words(R"((\d)(?:st|nd|rd|th)\b)");
    constexpr double kClockMargin = 60;    // messages give times to the minute
    constexpr double kUnknownZone = 3600;  // after this, ask again
    std::smatch match;
    if (std::regex_search(message, match, later)) return leading_duration(match.suffix());
    if (!std::regex_search(message, match, clock)) return 0;
    const std::string zone = match[2];
    const bool known = std::filesystem::exists("/usr/share/zoneinfo/" + zone);
    const InZone here(known ? zone : "");
    const double at =
        leading_time(std::regex_replace(match[1].str(), ordinal, "$1"), static_cast<std::time_t>(now));
    const double wait = std::max(0.0, at + kClockMargin - now);
    return known || zone.empty() ? wait : std::min(wait, kUnknownZone);
}

}  // namespace autoresearch

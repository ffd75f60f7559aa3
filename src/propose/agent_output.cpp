#include "propose/agent_output.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "util/json.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::json;

constexpr int kDeepest = 200;          // util/json.h takes no more either
constexpr std::size_t kPatience = 20;  // how often the text may be read again for what is no value
constexpr double kLargestSum = 1e15;   // of tokens or dollars: an agent may report nonsense

/// Moves `at` from the bracket that begins a value to behind the one that closes it; false, and somewhere
/// before, if there is none.
bool find_end(std::string_view text, std::size_t& at) {
    bool quoted = false;
    for (int depth = 0; at < text.size() && depth <= kDeepest; ++at) {
        const char byte = text[at];
        if (quoted) {
            if (byte == '\n') return false;
            if (byte == '\\') ++at;
            if (byte == '"') quoted = false;
        } else if (byte == '"') {
            quoted = true;
        } else if (byte == '{' || byte == '[') {
            ++depth;
        } else if ((byte == '}' || byte == ']') && --depth == 0) {
            return ++at, true;
        }
    }
    return false;
}

/// Bytes and escapes of half a character, which agents print where they cut a text, do not spoil the rest.
json value_of(std::string_view text) {
    json value = try_parse_json(text);
    if (!value.is_discarded()) return value;
    std::string mended = to_valid_utf8(text);
    for (std::size_t at = 0; (at = mended.find('\\', at)) != std::string::npos; at += 2) {
        const bool half = (mended.compare(at, 3, "\\ud") == 0 || mended.compare(at, 3, "\\uD") == 0) &&
                          mended.find_first_of("89abcdefABCDEF", at + 3) == at + 3;
        if (half) mended.replace(at, 6, "??");
    }
    return try_parse_json(mended);
}

/// Every JSON object in the text, wherever on a line it begins, with arrays of them split into their
/// elements. Adds all other text to `plain`.
std::vector<json> json_values(const std::string& text, std::string& plain) {
    std::vector<json> values;
    std::size_t patience = kPatience * text.size();
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t open = std::min(text.find_first_of("{[", at), text.size());
        plain.append(text, at, open - at);
        at = open;
        std::size_t end = open;
        json value = json::value_t::discarded;
        if (patience > 0 && find_end(text, end))
            value = value_of(std::string_view(text).substr(at, end - at));
        if (value.is_object()) {
            values.push_back(std::move(value));
        } else if (value.is_array() && !value.empty() && value.front().is_object()) {
            values.insert(values.end(), value.begin(), value.end());
        } else {
            patience -= std::min(patience, end - at);
            end = std::min(at + 1, text.size());
            plain.append(text, at, end - at);
        }
        at = end;
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

std::vector<const json*> matches(const json& value, const OutputRule& rule) {
    std::vector<const json*> found;
    for (const std::string& part : rule) {
        const auto equals = part.find('=', 1);
        if (equals == std::string::npos)
            follow(value, part, found);
        else if (!holds(value, part, equals))
            return {};
    }
    return found;
}

/// Whether there is one.
bool find_text(const json& value, const OutputRule& rule, std::string& last) {
    bool any = false;
    for (const json* match : matches(value, rule)) {
        if (!match->is_string() || trim(match->get_ref<const std::string&>()).empty()) continue;
        last = *match;
        any = true;
    }
    return any;
}

double sum(const json& value, const OutputRule& rule) {
    double total = 0;
    for (const json* match : matches(value, rule))
        if (match->is_number()) total += std::max(0.0, match->get<double>());
    return std::min(total, kLargestSum);
}

}  // namespace

AgentOutput read_output(const OutputRules& rules, const std::string& log, const std::string& file) {
    AgentOutput output;
    double tokens = 0;
    std::string plain, no_lines;
    const bool in_log = rules.file.empty() && (!rules.tokens.empty() || !rules.message.empty());
    const std::string text = without_escapes(log);
    std::vector<json> values = json_values(in_log ? text : file, in_log ? plain : no_lines);
    if (!in_log) plain = text;
    for (const json& value : values) {
        find_text(value, rules.session, output.session);
        output.usd += sum(value, rules.usd);
        tokens += sum(value, rules.tokens);
        if (find_text(value, rules.message, output.message)) output.error.clear();
        for (const json* match : matches(value, rules.error))
            if (!match->is_null()) output.error += (output.error.empty() ? "" : "; ") + text_of(*match);
    }
    output.usd = std::min(output.usd, kLargestSum);
    output.tokens = static_cast<std::int64_t>(std::min(tokens, kLargestSum));
    if (output.message.empty()) output.message = last_line(plain);
    return output;
}

}  // namespace autoresearch

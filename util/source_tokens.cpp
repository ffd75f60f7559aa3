#include "util/source_tokens.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <memory>

namespace autoresearch {
namespace {

enum Group : std::size_t { kSkipped = 1, kNewline, kLiteral, kRawDelimiter, kQuote, kWord, kNumber };

// One group per kind of token; whatever is left is punctuation. Longest operators first.
constexpr const char* kToken = R"re((?sx)
  ( [ \t\r\x0b\f]++ | \\\r?\n | //(?:\\\r?\n|[^\n])*+ | /\*.*?(?:\*/|\z) )
| ( \n )
| ( (?:L|u8?|U)?R"([^()\\\s]{0,16}+)\(.*?(?:\)\4"|\z) | (?:L|u8?|U)?(["'])(?:\\.|(?!\5)[^\\\n])*+\5? )
| ( [A-Za-z_$\x80-\xff][\w$\x80-\xff]*+ )
| ( \.?\d(?:[eEpP][+-]|'\w|[\w.])*+ )
| <<=|>>=|\.\.\.|->\*|<=>|::|->|\+\+|--|<<|>>|&&|\|\||[<>=!+\-*/%&|^]=|[#][#]|.
)re";

const pcre2_code* token_pattern() {
    int error = 0;
    PCRE2_SIZE at = 0;
    static const pcre2_code* const pattern =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kToken), PCRE2_ZERO_TERMINATED, 0, &error, &at, nullptr);
    return pattern;
}

TokenKind kind_of(const PCRE2_SIZE* groups) {
    const auto is = [&](Group group) { return groups[2 * group] != PCRE2_UNSET; };
    return is(kWord)      ? TokenKind::word
           : is(kNumber)  ? TokenKind::number
           : is(kLiteral) ? TokenKind::literal
                          : TokenKind::punctuation;
}

}  // namespace

std::vector<SourceToken> source_tokens(std::string_view source) {
    const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
        pcre2_match_data_create_from_pattern(token_pattern(), nullptr), pcre2_match_data_free);
    std::vector<SourceToken> tokens;
    int line = 1;
    bool line_is_empty = true;  // no token on this line yet
    bool in_directive = false;
    const auto end_directive = [&] {
        if (in_directive) tokens.push_back({TokenKind::end_of_line, "\n", line});
        in_directive = false;
    };
    for (std::size_t at = 0; at < source.size();) {
        const int found = pcre2_match(token_pattern(), reinterpret_cast<PCRE2_SPTR>(source.data()),
                                      source.size(), at, PCRE2_ANCHORED, match.get(), nullptr);
        const PCRE2_SIZE* groups = pcre2_get_ovector_pointer(match.get());
        // Matching fails only at a library limit: then this byte is punctuation.
        const std::string_view text = source.substr(at, found > 0 ? groups[1] - at : 1);
        at += text.size();
        if (found > 0 && groups[2 * kNewline] != PCRE2_UNSET) {
            end_directive();
            line_is_empty = true;
        } else if (found <= 0 || groups[2 * kSkipped] == PCRE2_UNSET) {
            in_directive = in_directive || (text == "#" && line_is_empty);
            tokens.push_back({found > 0 ? kind_of(groups) : TokenKind::punctuation, text, line});
            line_is_empty = false;
        }
        line += static_cast<int>(std::count(text.begin(), text.end(), '\n'));
    }
    end_directive();
    return tokens;
}

}  // namespace autoresearch

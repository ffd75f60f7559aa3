#include "prepare/data/pieces.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>

#include "autoresearch/error.h"
#include "util/text.h"

namespace autoresearch {
namespace {

/// PCRE2's \s also takes U+180E, which left White_Space in Unicode 6.3.
std::string with_unicode_spaces(const std::string& pattern) {
    std::string result;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        result += pattern[i];
        if (pattern[i] != '\\' || i + 1 == pattern.size()) continue;
        const char escaped = pattern[++i];
        result += escaped == 's'   ? "p{White_Space}"
                  : escaped == 'S' ? "P{White_Space}"
                                   : std::string(1, escaped);
    }
    return result;
}

[[noreturn]] void fail(const std::string& what, int error) {
    char text[256] = "";
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(text), sizeof text);
    throw UserError("the split pattern " + what + ": " + text);
}

}  // namespace

Splitter::Splitter(const std::string& pattern) {
    const std::string text = with_unicode_spaces(pattern);
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* const code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                           PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
    if (code == nullptr) fail(pattern + " does not compile", error);
    code_ = {code, pcre2_code_free};
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where JIT is unavailable, the expression is interpreted
}

void Splitter::split(std::string_view text, const std::function<void(std::string_view piece)>& take) const {
    const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
        pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
    const PCRE2_SIZE* const found = pcre2_get_ovector_pointer(match.get());  // begin, end
    while (!text.empty()) {
        const std::string_view run = text.substr(0, valid_utf8_prefix(text));
        std::size_t done = 0;
        const auto next = [&](std::uint32_t options) {
            return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(run.data()), run.size(), done,
                               PCRE2_NOTEMPTY | PCRE2_NO_UTF_CHECK | options, match.get(), nullptr);
        };
        while (done < run.size()) {
            int result = next(0);
            if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = next(PCRE2_NO_JIT);
            if (result == PCRE2_ERROR_NOMATCH) break;
            if (result < 0) fail("fails on this text", result);
            if (found[0] > done) take(run.substr(done, found[0] - done));
            take(run.substr(found[0], found[1] - found[0]));
            done = found[1];
        }
        if (done < run.size()) take(run.substr(done));
        text.remove_prefix(run.size());
        if (!text.empty()) take(text.substr(0, 1));
        text.remove_prefix(std::min<std::size_t>(text.size(), 1));
    }
}

}  // namespace autoresearch

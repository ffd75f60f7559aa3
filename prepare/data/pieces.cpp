#include "prepare/data/pieces.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "autoresearch/error.h"

namespace autoresearch {
namespace {

constexpr std::size_t kJitStackFirst = 1 << 15, kJitStackMost = 1 << 26;

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

std::string error_text(int error) {
    char text[256] = "";
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(text), sizeof text);
    return text;
}

}  // namespace

struct Splitter::Code {
    explicit Code(const std::string& pattern) {
        const std::string text = with_unicode_spaces(pattern);
        int error = 0;
        PCRE2_SIZE offset = 0;
        code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), PCRE2_UTF | PCRE2_UCP,
                             &error, &offset, nullptr);
        if (code == nullptr)
            throw UserError("the split pattern does not compile: " + error_text(error),
                            "pattern: " + pattern);
        jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    }
    ~Code() { pcre2_code_free(code); }
    Code(const Code&) = delete;
    Code& operator=(const Code&) = delete;

    pcre2_code* code = nullptr;
    bool jit = false;
};

struct Splitter::Scratch {
    Scratch() { pcre2_jit_stack_assign(context, nullptr, stack); }
    ~Scratch() {
        pcre2_match_data_free(match);
        pcre2_match_context_free(context);
        pcre2_jit_stack_free(stack);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    pcre2_match_data* match = pcre2_match_data_create(1, nullptr);
    pcre2_match_context* context = pcre2_match_context_create(nullptr);
    pcre2_jit_stack* stack = pcre2_jit_stack_create(kJitStackFirst, kJitStackMost, nullptr);
};

Splitter::Splitter(const std::string& pattern)
    : code_(std::make_shared<const Code>(pattern)), scratch_(std::make_unique<Scratch>()) {}
Splitter::Splitter(const Splitter& other) : code_(other.code_), scratch_(std::make_unique<Scratch>()) {}
Splitter::~Splitter() = default;

bool Splitter::match(std::string_view run, std::size_t from, std::size_t& begin, std::size_t& end) {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(run.data());
    // The JIT entry skips the checks of its arguments, which would cost more than most matches.
    const auto entry = code_->jit ? pcre2_jit_match : pcre2_match;
    const std::uint32_t options = PCRE2_NOTEMPTY | (code_->jit ? 0 : PCRE2_NO_UTF_CHECK);
    const int result =
        entry(code_->code, subject, run.size(), from, options, scratch_->match, scratch_->context);
    if (result == PCRE2_ERROR_NOMATCH) return false;
    if (result < 0) throw UserError("the split pattern fails on this text: " + error_text(result));
    const PCRE2_SIZE* found = pcre2_get_ovector_pointer(scratch_->match);
    begin = found[0];
    end = found[1];
    return true;
}

void count_pieces(Splitter& splitter, std::string_view text, PieceCounts& counts) {
    splitter.split(text, [&](std::string_view piece) { ++counts[piece]; });
}

void add_counts(const PieceCounts& more, PieceCounts& counts) {
    more.for_each([&](std::string_view piece, std::int64_t count) { counts[piece] += count; });
}

}  // namespace autoresearch

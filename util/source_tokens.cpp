#include "util/source_tokens.h"

#include <algorithm>
#include <array>
#include <string>

namespace autoresearch {
namespace {

bool is_word_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_word(char c) {
    return is_word_start(c) || is_digit(c);
}

constexpr std::array<std::string_view, 26> kOperators = {
    // the longest first
    "<<=", ">>=", "...", "->*", "<=>", "::", "->", "++", "--", "<<", ">>", "<=", ">=",
    "==",  "!=",  "&&",  "||",  "+=",  "-=", "*=", "/=", "%=", "&=", "|=", "^=", "##"};

class Lexer {
  public:
    explicit Lexer(std::string_view source) : source_(source) {}

    std::vector<SourceToken> run() {
        while (at_ < source_.size()) step();
        if (in_directive_) tokens_.push_back({TokenKind::end_of_line, "\n", line_});
        return std::move(tokens_);
    }

  private:
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
    }
    bool next_is(std::string_view text) const { return source_.substr(at_, text.size()) == text; }

    void step() {
        const char c = peek();
        if (c == '\n') {
            newline();
        } else if (c == '\\' && (peek(1) == '\n' || (peek(1) == '\r' && peek(2) == '\n'))) {
            skip_to(source_.find('\n', at_) + 1);
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f') {
            ++at_;
        } else if (next_is("//")) {
            skip_line_comment();
        } else if (next_is("/*")) {
            const auto end = source_.find("*/", at_ + 2);
            skip_to(end == std::string_view::npos ? source_.size() : end + 2);
        } else if (is_word_start(c)) {
            word_or_prefix();
        } else if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
            number();
        } else if (c == '"' || c == '\'') {
            quoted(at_);
        } else {
            punctuation();
        }
    }

    void newline() {
        if (in_directive_) tokens_.push_back({TokenKind::end_of_line, "\n", line_});
        in_directive_ = false;
        line_is_empty_ = true;
        ++line_;
        ++at_;
    }

    void skip_to(std::size_t end) {
        line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                             source_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
        at_ = end;
    }

    void skip_line_comment() {
        auto end = source_.find('\n', at_);
        while (end != std::string_view::npos && source_.substr(0, end).ends_with('\\'))
            end = source_.find('\n', end + 1);
        skip_to(end == std::string_view::npos ? source_.size() : end);
    }

    void emit(TokenKind kind, std::size_t begin, std::size_t end) {
        tokens_.push_back({kind, source_.substr(begin, end - begin), line_});
        line_is_empty_ = false;
        skip_to(end);
    }

    void word_or_prefix() {
        std::size_t end = at_;
        while (end < source_.size() && is_word(source_[end])) ++end;
        const std::string_view word = source_.substr(at_, end - at_);
        const char quote = end < source_.size() ? source_[end] : '\0';
        if (quote == '"' && (word == "R" || word == "LR" || word == "uR" || word == "UR" || word == "u8R")) {
            raw_string(end);
        } else if ((quote == '"' || quote == '\'') &&
                   (word == "L" || word == "u" || word == "U" || word == "u8")) {
            quoted(end);
        } else {
            emit(TokenKind::word, at_, end);
        }
    }

    void number() {
        std::size_t end = at_;
        const auto at_exponent_sign = [&] {
            const char before = source_[end - 1];
            return (source_[end] == '+' || source_[end] == '-') &&
                   (before == 'e' || before == 'E' || before == 'p' || before == 'P');
        };
        const auto at_separator = [&] {
            return source_[end] == '\'' && end + 1 < source_.size() && is_word(source_[end + 1]);
        };
        while (end < source_.size() && (is_word(source_[end]) || source_[end] == '.' || at_separator() ||
                                        (end > at_ && at_exponent_sign()))) {
            ++end;
        }
        emit(TokenKind::number, at_, end);
    }

    void quoted(std::size_t open) {
        const char quote = source_[open];
        std::size_t end = open + 1;
        while (end < source_.size() && source_[end] != quote && source_[end] != '\n') {
            end += source_[end] == '\\' ? 2 : 1;
        }
        end = std::min(end, source_.size());
        if (end < source_.size() && source_[end] == quote) ++end;
        emit(TokenKind::literal, at_, end);
    }

    void raw_string(std::size_t open) {
        const auto bracket = source_.find('(', open);
        const auto close =
            bracket == std::string_view::npos
                ? bracket
                : source_.find(std::string(")").append(source_.substr(open + 1, bracket - open - 1)) + "\"",
                               bracket);
        const auto end = close == std::string_view::npos ? source_.size() : source_.find('"', close + 1) + 1;
        emit(TokenKind::literal, at_, end);
    }

    void punctuation() {
        if (peek() == '#' && line_is_empty_) in_directive_ = true;
        for (const std::string_view op : kOperators) {
            if (next_is(op)) return emit(TokenKind::punctuation, at_, at_ + op.size());
        }
        emit(TokenKind::punctuation, at_, at_ + 1);
    }

    std::string_view source_;
    std::size_t at_ = 0;
    int line_ = 1;
    bool line_is_empty_ = true;  // no token on this line yet
    bool in_directive_ = false;
    std::vector<SourceToken> tokens_;
};

}  // namespace

std::vector<SourceToken> source_tokens(std::string_view source) {
    return Lexer(source).run();
}

}  // namespace autoresearch

#pragma once

#include <string_view>
#include <vector>

namespace autoresearch {

enum class TokenKind {
    word,         // identifier or keyword
    number,       // 0x1F, 1'000, 3e-4f
    literal,      // string or character with its prefix and quotes; raw strings too
    punctuation,  // one operator or bracket
    end_of_line,  // only after a preprocessor directive, where the line end matters
};

struct SourceToken {
    TokenKind kind;
    std::string_view text;  // points into the source; "\n" for end_of_line
    int line;               // from 1
};

/// Splits C++ source into tokens, without comments and white space. Never fails: what is not C++ becomes
/// punctuation; an unclosed literal or comment ends with its line or the source. Reads the source as written:
/// a line splice inside a word makes two words (the guard refuses such a source).
std::vector<SourceToken> source_tokens(std::string_view source);

}  // namespace autoresearch

#include "util/hash.h"

#include <xxhash.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "util/source_tokens.h"

namespace autoresearch {

std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed) {
    return XXH64(bytes.data(), bytes.size(), seed);
}

std::string hex(std::uint64_t value) {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016" PRIx64, value);
    return digits;
}

std::string normalized_source_hash(std::string_view source) {
    std::uint64_t hash = 0;
    for (const SourceToken& token : source_tokens(source)) {
        // The separator keeps `a+ ++b` and `a++ +b` apart.
        hash = xxh64(std::string_view("\0", 1), xxh64(token.text, hash));
    }
    return hex(hash);
}

int count_source_tokens(std::string_view source) {
    constexpr std::size_t kBytesOfWord = 8;  // what the tokens of C++ are long, spaces counted, or more
    std::size_t count = 0;
    for (const SourceToken& token : source_tokens(source)) {
        const bool literal = token.kind == TokenKind::literal;
        count += literal ? (token.text.size() + kBytesOfWord - 1) / kBytesOfWord
                         : token.kind != TokenKind::end_of_line;
    }
    return static_cast<int>(count);
}

}  // namespace autoresearch

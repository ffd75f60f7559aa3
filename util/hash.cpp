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
    const auto tokens = source_tokens(source);
    return static_cast<int>(std::count_if(tokens.begin(), tokens.end(),
                                          [](const auto& t) { return t.kind != TokenKind::end_of_line; }));
}

}  // namespace autoresearch

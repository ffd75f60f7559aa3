// A train.cpp that an agent gives back.

#include "guard/source_guard.h"

#include "fuzz.h"
#include "util/hash.h"
#include "util/source_tokens.h"
#include "util/text.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    if (const auto reason = broken_source_rule(bytes)) {
        must(to_valid_utf8(*reason) == *reason && reason->find('\n') == std::string::npos,
             "a reason is a line");
    }
    const char* at = bytes.data();
    std::string joined;
    for (const SourceToken& token : source_tokens(bytes)) {
        if (token.kind == TokenKind::end_of_line) continue;
        must(token.text.data() >= at && !token.text.empty(), "tokens follow each other");
        at = token.text.data() + token.text.size();
    }
    must(at <= bytes.data() + bytes.size(), "tokens are of the source");
    must(normalized_source_hash("\n" + bytes) == normalized_source_hash(bytes), "white space does not count");
}

}  // namespace autoresearch

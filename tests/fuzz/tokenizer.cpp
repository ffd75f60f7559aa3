// A vocabulary in tiktoken's format, a split pattern, and a text for it.

#include "prepare/data/tokenizer.h"

#include "fuzz.h"
#include "util/base64.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    const auto texts = parts(bytes, 3);
    const auto file = scratch().write("tokenizer.tiktoken", texts[0]);
    is_read([&] {
        const Tokenizer tokenizer = Tokenizer::load(file, kSplitPattern);
        const std::string written = tokenizer.tiktoken_text();
        const auto again = Tokenizer::load(scratch().write("again.tiktoken", written), kSplitPattern);
        must(again.tiktoken_text() == written, "what is written reads back");
        must(tokenizer.decode(Encoder(tokenizer).encode(bytes)) == bytes, "a text comes back");
    });
    must(base64_decode(base64_encode(bytes)) == bytes, "base64 comes back");
    is_read([&] {
        std::string joined;
        Splitter(texts[1]).split(texts[2], [&](std::string_view piece) { joined += piece; });
        must(joined == texts[2], "the pieces are the text");
    });
}

}  // namespace autoresearch

// A file of a corpus; its first byte chooses the kind.

#include "fuzz.h"
#include "prepare/corpus/corpus.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    if (bytes.empty()) return;
    constexpr const char* kNames[] = {"a.txt",      "a.jsonl",   "a.txt.gz",
                                      "a.jsonl.gz", "a.txt.zst", "a.jsonl.zst"};
    const char* const name = kNames[static_cast<unsigned char>(bytes[0]) % std::size(kNames)];
    Corpus corpus;
    // Under the second name its content tells the kind.
    for (const auto& [as, separator] :
         {std::pair(name, ""), std::pair("a.json", ""), std::pair(name, "\n\n")}) {
        corpus.files = {{scratch().write(as, bytes.substr(1)), Part::by_hash, bytes.size() - 1}};
        corpus.separator = separator;
        corpus.part_bytes = corpus.separator.empty() ? 4 : 0;
        is_read([&] {
            read_documents(corpus, [](const std::string& text, Part, double share) {
                must(!text.empty() && share >= 0 && share <= 1, "a document of a file");
            });
        });
    }
}

}  // namespace autoresearch

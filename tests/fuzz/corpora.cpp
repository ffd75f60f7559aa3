// corpora.json: the entries, not the files that they name.

#include "fuzz.h"
#include "prepare/corpus/prepare.h"
#include "util/text.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    // A glob over this machine would take as long as it likes.
    std::string inside = bytes;
    for (const char* outside : {"/", "*", "\\", ".."}) inside = replace_all(inside, outside, "_");
    inside = replace_all(inside, "%", "://");  // of a download
    PrepareOptions options;
    options.corpora = scratch().write("corpora.json", inside);
    for (const char* name : {"a", "tiny", "unknown"}) {
        options.request.corpus = name;
        is_read([&] { check_request(options); });
    }
}

}  // namespace autoresearch

// What read_parquet.py says: numbers and texts through a pipe.

#include "fuzz.h"
#include "prepare/corpus/corpus.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    Corpus corpus;
    corpus.files = {{scratch().write("a.parquet", bytes), Part::by_hash, bytes.size()}};
    corpus.parquet_reader = {"cat"};  // which is given the file and the column
    corpus.text_column = "/dev/null";
    is_read([&] {
        read_documents(corpus, [](const std::string& text, Part, double) { must(!text.empty(), "a text"); });
    });
}

}  // namespace autoresearch

#pragma once

// One target for each reader of foreign bytes: tests/fuzz/NAME.cpp defines read_foreign(), its seeds stand in
// tests/fuzz/seeds/NAME/. scripts/test --fuzz links libFuzzer, which looks for worse inputs; every other
// build reads the seeds once, as a unit test.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "autoresearch/error.h"
#include "temp_directory.h"

namespace autoresearch {

/// Takes any bytes: a value or the documented refusal may come of them, nothing else.
void read_foreign(const std::string& bytes);

/// Ends the program, as a crash would, where a promise is not kept.
inline void must(bool kept, const char* promise) {
    if (kept) return;
    std::fprintf(stderr, "not so: %s\n", promise);
    std::abort();
}

/// Was it read? False: refused in words for the user.
template <class Read>
bool is_read(Read&& read) try {
    read();
    return true;
} catch (const UserError&) {
    return false;
}

/// So many texts from one input; 0x1E, which no format has, stands between them.
inline std::vector<std::string> parts(const std::string& bytes, std::size_t count) {
    std::vector<std::string> all;
    std::size_t at = 0;
    for (; all.size() + 1 < count; at = std::min(bytes.find('\x1e', at), bytes.size() - 1) + 1)
        all.push_back(bytes.substr(at, std::min(bytes.find('\x1e', at), bytes.size()) - at));
    all.push_back(bytes.substr(at));
    return all;
}

/// Of this process, gone at its end.
inline const TempDirectory& scratch() {
    static const TempDirectory directory;
    return directory;
}

}  // namespace autoresearch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    autoresearch::read_foreign({reinterpret_cast<const char*>(data), size});
    return 0;
}

#ifndef AUTORESEARCH_FUZZ

/// Reads all files of a folder, and what is too large to be a file of the repository.
int main(int, char** argv) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[1])) {
        if (!entry.is_regular_file()) continue;
        std::printf("%s\n", entry.path().c_str());
        std::fflush(stdout);
        autoresearch::read_foreign(autoresearch::read_text(entry.path()));
    }
    const std::pair<const char*, const char*> deep[] = {
        {"[", "]"}, {"{\"a\":", "}"}, {"(", ")"},  {"R\"", ""},   {"/*", ""},
        {"\"", ""}, {"'", ""},        {"/a/", ""}, {"\x1b[", ""}, {"9", ""}};
    for (const auto& [open, close] : deep) {
        std::printf("200,000 times %s\n", open);
        std::fflush(stdout);
        std::string left, right;
        for (int i = 0; i < 200'000; ++i) left += open, right += close;
        autoresearch::read_foreign(left + "1" + right + "\n");
    }
}

#endif

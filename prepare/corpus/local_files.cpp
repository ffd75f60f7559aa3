#include "prepare/corpus/local_files.h"

#include <fnmatch.h>
#include <glob.h>

#include <algorithm>
#include <deque>
#include <set>
#include <sstream>
#include <string_view>

#include "autoresearch/error.h"
#include "prepare/corpus/readers.h"
#include "util/home.h"
#include "util/tree.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTextKinds =
    " .txt .text .md .rst .tex .org .py .pyi .c .h .cc .cpp .cxx .hh .hpp .cu .cuh .rs .go .java .js .ts "
    ".tsx "
    ".jsx .sh .jl .lua .rb .pl .php .swift .kt .scala .hs .ml .r .m .mm .sql .html .css .f90 .f .el .lisp "
    ".clj "
    ".ex .erl ";
constexpr std::string_view kDataKinds = " .jsonl .ndjson .parquet ";
constexpr std::string_view kNotReadable =
    " .bz2 .xz .zip .arrow .tar .tgz .7z .csv .tsv .pdf .docx .xlsx .epub .parquet.gz .parquet.zst ";

bool is_among(std::string_view kinds, const std::string& kind) {
    return kinds.find(" " + kind + " ") != std::string_view::npos;
}

/// Whether the parts of a glob from `glob` on match those of a path; "**" matches any number of folders.
bool matches(fs::path::iterator glob, const fs::path& all, fs::path::iterator part, const fs::path& path) {
    if (glob == all.end() || part == path.end()) {
        while (glob != all.end() && *glob == "**") ++glob;
        return glob == all.end() && part == path.end();
    }
    if (*glob == "**" && matches(std::next(glob), all, part, path)) return true;
    if (*glob == "**") return matches(glob, all, std::next(part), path);
    return ::fnmatch(glob->c_str(), part->c_str(), FNM_PERIOD) == 0 &&
           matches(std::next(glob), all, std::next(part), path);
}

/// What matches a glob. glob(3) knows "~" and {a,b}, but no "**".
std::vector<fs::path> expand(const std::string& glob) {
    const fs::path named = glob;
    if (std::find(named.begin(), named.end(), "**") == named.end()) {
        glob_t found{};
        ::glob(glob.c_str(), GLOB_NOSORT | GLOB_BRACE | GLOB_TILDE, nullptr, &found);
        std::vector<fs::path> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
        ::globfree(&found);
        return paths;
    }
    const fs::path all = fs::absolute(named);
    fs::path folder;  // what has no wildcard
    for (const fs::path& part : all) {
        if (part.native().find_first_of("*?[") != std::string::npos) break;
        folder /= part;
    }
    const auto wanted = [&](const fs::path& file) { return matches(all.begin(), all, file.begin(), file); };
    Counts not_asked_for;
    return fs::is_directory(folder) ? files_below(folder, wanted, not_asked_for) : std::vector<fs::path>();
}

/// Of one path or glob.
std::vector<fs::path> files_of(const std::string& place, const std::string& field, Counts& skipped) {
    const std::string path = expand_home(place);
    const auto wanted = [&](const fs::path& file) {
        const std::string kind = kind_of(file);
        return is_text_kind(kind) || is_among(kDataKinds, kind) ||
               (kind == ".json" && has_json_rows(file, field));
    };
    std::vector<fs::path> files;
    const std::vector<fs::path> all = fs::exists(path) ? std::vector<fs::path>{path} : expand(path);
    for (const fs::path& found : all) {
        if (fs::is_directory(found)) {
            const auto below = files_below(found, wanted, skipped);
            files.insert(files.end(), below.begin(), below.end());
        } else if (fs::is_regular_file(found)) {
            if (all.size() == 1) check_kind(found);
            is_among(kNotReadable, kind_of(found)) ? void(++skipped["other_files"]) : files.push_back(found);
        }
    }
    return files;
}

}  // namespace

bool is_text_kind(const std::string& kind) {
    return is_among(kTextKinds, kind);
}

std::string lower_extension(const fs::path& file) {
    std::string extension = file.extension().string();
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return extension;
}

std::string kind_of(const fs::path& file) {
    std::string extension = lower_extension(file);
    if (extension != ".gz" && extension != ".zst") return extension;
    const std::string inner = lower_extension(file.stem());
    return inner == ".parquet" ? inner + extension : inner;
}

void check_kind(const fs::path& file) {
    if (is_among(kNotReadable, kind_of(file)))
        throw UserError("cannot read files of this kind: " + file.string(), kWhatIsRead);
}

std::vector<fs::path> files_below(const fs::path& top, const std::function<bool(const fs::path&)>& wanted,
                                  Counts& skipped) {
    std::vector<fs::path> files;
    std::set<fs::path> seen;
    const fs::path real_top = fs::canonical(top);
    for (std::deque<fs::path> folders = {top}; !folders.empty();) {
        const fs::path folder = folders.front();
        folders.pop_front();
        if (!seen.insert(fs::canonical(folder)).second) continue;
        const std::set<fs::directory_entry> entries(fs::directory_iterator(folder), {});
        for (const fs::directory_entry& entry : entries) {
            std::error_code ignored;  // a dangling link is nothing of both
            const bool hidden = entry.path().filename().string().front() == '.';
            if (hidden) {
                ++skipped["hidden"];
            } else if (!entry.is_directory(ignored)) {
                const bool taken = entry.is_regular_file(ignored) && wanted(entry.path());
                taken ? files.push_back(entry.path()) : void(++skipped["other_files"]);
            } else if (!entry.is_symlink(ignored)) {
                folders.push_front(entry.path());
            } else if (!is_within(real_top, fs::canonical(entry.path()))) {
                folders.push_back(entry.path());  // last: if it is there without a link too, that one counts
            }
        }
    }
    return files;
}

std::vector<std::string> paths_of(const std::string& corpus) {
    if (!corpus.starts_with('{') || corpus.find('}') != corpus.size() - 1) return {corpus};
    std::vector<std::string> paths;
    std::istringstream inner(corpus.substr(1, corpus.size() - 2));
    for (std::string path; std::getline(inner, path, ',');) paths.push_back(path);
    return paths;
}

std::vector<fs::path> local_files(const std::string& corpus, const std::string& field, Counts& skipped) {
    std::vector<fs::path> files;
    const auto places = paths_of(corpus);
    for (const std::string& place : places) {
        const auto found = files_of(place, field, skipped);
        if (found.empty() && places.size() > 1)
            throw UserError("no such corpus file or folder: " + place, kWhatIsRead);
        files.insert(files.end(), found.begin(), found.end());
    }
    std::sort(files.begin(), files.end());  // a file counts once, however often it was named
    files.erase(std::unique(files.begin(), files.end()), files.end());
    return files;
}

}  // namespace autoresearch

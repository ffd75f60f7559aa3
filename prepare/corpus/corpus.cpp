#include "prepare/corpus/corpus.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/corpus/readers.h"
#include "prepare/fetch/download.h"
#include "util/atomic_file.h"
#include "util/hash.h"
#include "util/home.h"
#include "util/json.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

[[noreturn]] void throw_unknown(const std::string& corpus, const json& corpora) {
    if (corpus.find_first_of("/.~*?[{") != std::string::npos)
        throw UserError("no such corpus file or folder: " + corpus, kWhatIsRead);
    std::vector<std::string> known = {kTorchSources};
    std::string names = kTorchSources;
    for (const auto& [name, entry] : corpora.items()) {
        known.push_back(name);
        if (name != kTorchSources) names += ", " + name;
    }
    throw UserError("unknown corpus: " + corpus,
                    did_you_mean(corpus, known, "known are " + names + ";") + " otherwise " + kWhatIsRead);
}

/// Expands "part_###.txt" to part_000.txt, part_001.txt, ...; leaves other names alone.
std::vector<std::string> numbered(const std::string& name, std::int64_t count) {
    const std::size_t first = name.find('#');
    if (first == std::string::npos) return {name};
    const std::size_t digits = std::min(name.find_first_not_of('#', first), name.size()) - first;
    std::vector<std::string> names;
    for (std::int64_t i = 0; i < count; ++i) {
        std::string number = std::to_string(i);
        number.insert(0, digits - std::min(digits, number.size()), '0');
        names.push_back(name.substr(0, first) + number + name.substr(first + digits));
    }
    return names;
}

/// Where the download of an address is kept: by its name alone, two addresses could share a file.
fs::path place_of_download(const std::string& url, const fs::path& folder) {
    constexpr std::size_t kLongest = 100;
    std::string name = fs::path(url.substr(0, url.find('?'))).filename().string();
    check_kind(name);
    if (name.size() > kLongest) name.erase(0, name.size() - kLongest);
    return folder / (hex(xxh64(url)) + "-" + name);
}

/// Adds downloads to the corpus. They are ordered by the names that they had in earlier versions, and a file
/// that one of these fetched is still used, unless another address has its name.
void add_downloads(const std::vector<std::pair<std::string, Part>>& urls, const fs::path& folder,
                   Corpus& corpus, std::vector<Download>& downloads) {
    std::map<fs::path, std::set<std::string>> by_name;
    std::set<fs::path> named;
    for (const auto& [url, part] : urls) by_name[folder / fs::path(url).filename()].insert(url);
    for (const auto& [url, part] : urls) {
        const fs::path old = folder / fs::path(url).filename();
        std::error_code too_long;  // queries may be
        const bool use_old = by_name[old].size() == 1 && fs::is_regular_file(old, too_long);
        const fs::path file = use_old ? old : place_of_download(url, folder);
        if (named.insert(file).second) downloads.push_back({url, file});
        corpus.files.push_back({.path = file, .part = part, .order = old});
    }
}

/// The files of an entry in corpora.json; `downloads` gets those to fetch.
void name_catalog_files(const json& entry, const PrepareOptions& options, Corpus& corpus,
                        std::vector<Download>& downloads) {
    const auto count =
        static_cast<std::int64_t>(std::clamp<double>(entry.value("count", 1.0), 0, options.request.shards));
    std::vector<std::pair<std::string, Part>> urls;
    const auto add = [&](const std::string& place, Part part) {
        if (place.find("://") != std::string::npos) {
            urls.emplace_back(place, part);
            return;
        }
        const fs::path path = options.corpora.parent_path() / expand_home(place);
        const auto found = local_files(path.lexically_normal().string(), corpus.text_column, corpus.skipped);
        if (found.empty())
            throw UserError("no such corpus file or folder: " + place,
                            "it is named in " + options.corpora.string());
        for (const fs::path& file : found) corpus.files.push_back({file, part});
    };
    const Part train = entry.contains("held_out") ? Part::train : Part::by_hash;
    for (const auto& [key, part] : {std::pair("train", train), std::pair("held_out", Part::held_out)})
        for (const std::string& pattern : entry.value(key, std::vector<std::string>()))
            for (const std::string& place : numbered(pattern, count)) add(place, part);
    add_downloads(urls, options.data_root / ".downloads" / options.request.corpus, corpus, downloads);
}

/// Names and places; fetches and opens nothing yet.
Corpus name_files(const PrepareOptions& options, std::vector<Download>& downloads) {
    const DataRequest& request = options.request;
    Corpus corpus;
    corpus.parquet_reader = options.parquet_reader;
    if (!request.text_column.empty()) corpus.text_column = request.text_column;
    corpus.separator = replace_all(request.separator, "\\n", "\n");
    std::vector<fs::path> paths;
    json corpora = json::object();
    if (!options.corpora.empty()) corpora = try_parse_json(read_file(options.corpora), true);
    if (!corpora.is_object()) throw UserError(options.corpora.string() + " is not a JSON object of corpora");
    if (request.corpus == kTorchSources) {
        if (!fs::is_directory(options.torch_sources))
            throw UserError("corpus torch-sources needs an installed torch package, none found at \"" +
                                options.torch_sources.string() + "\"",
                            "install torch into the project's Python environment, or choose another corpus");
        Counts not_asked_for;
        paths = files_below(
            options.torch_sources, [](const fs::path& file) { return kind_of(file) == ".py"; },
            not_asked_for);
    } else if (const auto entry = corpora.find(request.corpus); entry != corpora.end()) {
        try {
            const std::string column = entry->value("text_column", corpus.text_column),
                              separator = entry->value("separator", "");
            if (request.text_column.empty()) corpus.text_column = column;
            if (request.separator.empty()) corpus.separator = separator;
            name_catalog_files(*entry, options, corpus, downloads);
        } catch (const json::exception& error) {
            throw UserError(options.corpora.string() + ": corpus " + request.corpus + ": " + error.what(),
                            "docs/data.md shows an entry");
        }
    } else {
        paths = local_files(request.corpus, corpus.text_column, corpus.skipped);
        if (paths.empty() && !fs::is_directory(expand_home(request.corpus)))
            throw_unknown(request.corpus, corpora);
    }
    for (const fs::path& path : paths) corpus.files.push_back({path});
    return corpus;
}

}  // namespace

void check_corpus(const PrepareOptions& options) {
    std::vector<Download> downloads;
    check_readers(name_files(options, downloads));
}

static bool is_missing(const Download& download) {
    return !fs::exists(download.file);
}

/// Sizes, times and order of the files.
static void look_at(Corpus& corpus, const PrepareOptions& options) {
    for (CorpusFile& file : corpus.files) {
        file.bytes = fs::file_size(file.path);
        file.modified = static_cast<std::int64_t>(fs::last_write_time(file.path).time_since_epoch().count());
    }
    const auto empty = std::erase_if(corpus.files, [](const CorpusFile& file) { return file.bytes == 0; });
    if (empty > 0) corpus.skipped["empty_files"] += static_cast<std::int64_t>(empty);
    const auto order = [](const CorpusFile& file) {
        const fs::path& place = file.order.empty() ? file.path : file.order;
        return std::tuple(file.part != Part::held_out, place.native(), file.path.native());
    };
    std::sort(corpus.files.begin(), corpus.files.end(),
              [&](const CorpusFile& a, const CorpusFile& b) { return order(a) < order(b); });
    if (!corpus.files.empty()) return;
    const std::int64_t others = corpus.skipped["other_files"];
    throw UserError(
        "no text in corpus " + options.request.corpus +
            (others == 0 ? "" : "; passed over: " + std::to_string(others) + " files of other kinds"),
        others == 0 ? kWhatIsRead : "files of any name are taken by a quoted glob: FOLDER/*");
}

std::optional<Corpus> corpus_on_disk(const PrepareOptions& options) {
    std::vector<Download> downloads;
    Corpus corpus = name_files(options, downloads);
    if (std::any_of(downloads.begin(), downloads.end(), is_missing)) return std::nullopt;
    look_at(corpus, options);
    return corpus;
}

Corpus find_corpus(const PrepareOptions& options) {
    std::vector<Download> downloads;
    Corpus corpus = name_files(options, downloads);
    std::erase_if(downloads, [](const Download& download) { return !is_missing(download); });
    if (!downloads.empty()) {
        check_readers(corpus);  // no point in fetching what cannot be read
        make_folder_like_parent(downloads.front().file.parent_path());
        corpus.note = download_all(downloads, {.progress = options.progress});
    }
    look_at(corpus, options);
    return corpus;
}

std::string corpus_key(const std::string& corpus, const fs::path& folder) {
    const auto absolute = [&](const std::string& path) {
        const fs::path place = fs::absolute(folder / expand_home(path)).lexically_normal();
        return (place.has_filename() ? place : place.parent_path()).string();
    };
    if (const auto paths = paths_of(corpus); paths != std::vector{corpus}) {  // each for itself
        std::string key;
        for (const std::string& path : paths) key += (key.empty() ? "{" : ",") + absolute(path);
        return key + "}";
    }
    // A name has no slash and no wildcard, but a file may be given without a slash too.
    const std::string place = expand_home(corpus);
    const bool is_name = place.find_first_of("/*?[{") == std::string::npos && !fs::exists(folder / place);
    return is_name ? corpus : absolute(corpus);
}

}  // namespace autoresearch

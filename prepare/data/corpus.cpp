#include "prepare/data/corpus.h"

#include <glob.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/data/files.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTextExtensions[] = {
    ".txt",  ".text",  ".md",  ".rst",   ".tex", ".org",  ".jsonl", ".py",  ".pyi", ".c",
    ".h",    ".cc",    ".cpp", ".cxx",   ".hh",  ".hpp",  ".cu",    ".cuh", ".rs",  ".go",
    ".java", ".js",    ".ts",  ".tsx",   ".jsx", ".sh",   ".jl",    ".lua", ".rb",  ".pl",
    ".php",  ".swift", ".kt",  ".scala", ".hs",  ".ml",   ".r",     ".m",   ".mm",  ".sql",
    ".html", ".css",   ".f90", ".f",     ".el",  ".lisp", ".clj",   ".ex",  ".erl"};
constexpr std::string_view kNotYetReadable[] = {".parquet", ".gz", ".zst", ".bz2", ".xz", ".zip", ".arrow"};

bool is_one_of(std::span<const std::string_view> extensions, std::string_view extension) {
    return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

constexpr const char* kWhatIsRead = "give a text or jsonl file, a folder with such files, or a quoted glob";

std::string extension_of(const fs::path& file) {
    std::string extension = file.extension().string();
    for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return extension;
}

void check_readable_kind(const fs::path& file) {
    if (const std::string extension = extension_of(file); is_one_of(kNotYetReadable, extension))
        throw UserError("cannot read " + extension + " files: " + file.string(), kWhatIsRead);
}

template <class Wanted>
std::vector<fs::path> files_below(const fs::path& folder, Wanted&& wanted) {
    std::vector<fs::path> files;
    std::error_code error;
    fs::recursive_directory_iterator walk(folder, error);
    for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
        std::error_code ignored;  // a link to nowhere is no regular file
        const bool hidden = walk->path().filename().string().front() == '.';
        if (hidden && walk->is_directory(ignored)) walk.disable_recursion_pending();
        if (!hidden && walk->is_regular_file(ignored) && wanted(walk->path())) files.push_back(walk->path());
    }
    if (error) throw UserError("cannot read folder " + folder.string() + ": " + error.message());
    return files;
}

std::vector<fs::path> glob_files(const std::string& pattern) {
    glob_t found{};
    const int result = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
    std::vector<fs::path> files;
    for (std::size_t i = 0; result == 0 && i < found.gl_pathc; ++i)
        if (std::error_code ignored; fs::is_regular_file(found.gl_pathv[i], ignored))
            files.emplace_back(found.gl_pathv[i]);
    ::globfree(&found);
    if (result != 0 && result != GLOB_NOMATCH)
        throw UserError("cannot look for " + pattern, "check who may read there");
    return files;
}

std::vector<fs::path> torch_files(const fs::path& torch_sources) {
    std::error_code error;
    if (torch_sources.empty() || !fs::is_directory(torch_sources, error))
        throw UserError("corpus torch-sources needs an installed torch package, none found" +
                            (torch_sources.empty() ? "" : " at " + torch_sources.string()),
                        "install torch into the project's Python environment, or choose another corpus");
    return files_below(torch_sources, [](const fs::path& file) { return file.extension() == ".py"; });
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
        }
    }
    return row.back();
}

[[noreturn]] void throw_unknown(const std::string& corpus) {
    const bool like_a_path = corpus.find_first_of("/.~*?[") != std::string::npos;
    if (like_a_path) throw UserError("no such corpus file or folder: " + corpus, kWhatIsRead);
    const bool near = edit_distance(corpus, kTorchSources) <= 4;
    throw UserError("unknown corpus: " + corpus,
                    near ? std::string("did you mean ") + kTorchSources + "?"
                         : std::string("known: ") + kTorchSources + "; or " + kWhatIsRead);
}

std::vector<fs::path> local_files(const std::string& corpus) {
    std::error_code error;
    const fs::file_status status = fs::status(corpus, error);
    if (status.type() == fs::file_type::none)
        throw UserError("cannot look at " + corpus + ": " + error.message());
    if (fs::is_directory(status))
        return files_below(corpus, [](const fs::path& file) {
            const std::string inner = extension_of(file.stem());
            if (extension_of(file) == ".parquet" || is_one_of(kTextExtensions, inner))
                check_readable_kind(file);
            return is_one_of(kTextExtensions, extension_of(file));
        });
    if (fs::exists(status) && !fs::is_regular_file(status))
        throw UserError("neither a file nor a folder: " + corpus, kWhatIsRead);
    std::vector<fs::path> files = fs::exists(status) ? std::vector<fs::path>{corpus} : glob_files(corpus);
    if (files.empty()) throw_unknown(corpus);
    for (const fs::path& file : files) check_readable_kind(file);
    return files;
}

}  // namespace

std::vector<CorpusFile> find_corpus(const std::string& corpus, const fs::path& torch_sources) {
    std::vector<fs::path> paths = corpus == kTorchSources ? torch_files(torch_sources) : local_files(corpus);
    std::sort(paths.begin(), paths.end(),
              [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
    std::vector<CorpusFile> files;
    for (const fs::path& path : paths) {
        std::error_code error;
        const auto bytes = fs::file_size(path, error);
        const auto modified = error ? fs::file_time_type() : fs::last_write_time(path, error);
        if (error) throw UserError("cannot look at " + path.string() + ": " + error.message());
        const auto since_epoch =
            std::chrono::duration_cast<std::chrono::nanoseconds>(modified.time_since_epoch());
        if (bytes > 0) files.push_back({path, static_cast<std::int64_t>(bytes), since_epoch.count()});
    }
    if (files.empty()) throw UserError("no text in corpus " + corpus, kWhatIsRead);
    return files;
}

std::string corpus_key(const std::string& corpus) {
    if (corpus == kTorchSources) return corpus;
    fs::path path = fs::absolute(corpus).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).string();
}

DocumentReader::DocumentReader(const std::vector<CorpusFile>& files) : files_(files) {
    for (const CorpusFile& file : files) bytes_total_ += file.bytes;
}

bool DocumentReader::next(std::string& document) {
    for (; file_ < files_.size(); ++file_) {
        if (extension_of(files_[file_].path) == ".jsonl") {
            if (next_line(document)) return true;
            continue;
        }
        document = read_whole_file(files_[file_].path);
        bytes_read_ += static_cast<std::int64_t>(document.size());
        if (document.empty()) continue;
        ++file_;
        return true;
    }
    return false;
}

bool DocumentReader::next_line(std::string& document) {
    const fs::path& path = files_[file_].path;
    if (!lines_.is_open()) {
        lines_.open(path, std::ios::binary);
        if (!lines_) throw_file_error("cannot read", path, errno);
        line_number_ = 0;
    }
    std::string line;
    while (std::getline(lines_, line)) {
        ++line_number_;
        bytes_read_ += static_cast<std::int64_t>(line.size()) + 1;
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        const auto json = nlohmann::json::parse(line, nullptr, false);
        const auto text = json.is_object() ? json.find("text") : json.end();
        if (text == json.end() || !text->is_string())
            throw UserError(path.string() + ", line " + std::to_string(line_number_) +
                                (json.is_discarded() ? " is not JSON" : " has no text in a field \"text\""),
                            "every line must be an object like {\"text\": \"...\"}");
        document = text->get<std::string>();
        if (!document.empty()) return true;
    }
    if (lines_.bad()) throw_file_error("cannot read", path, errno);
    lines_.close();
    lines_.clear();
    return false;
}

double DocumentReader::share_read() const {
    return std::min(
        1.0, static_cast<double>(bytes_read_) / static_cast<double>(std::max<std::int64_t>(bytes_total_, 1)));
}

}  // namespace autoresearch

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/corpus/corpus.h"
#include "prepare/corpus/readers.h"
#include "util/json.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using TakeBad = std::function<void(const BadRows&, double position)>;

constexpr std::size_t kLongLine = 4096;  // bytes
constexpr std::int64_t kMostBad = 100;   // one row of so many

/// JSON can name half a surrogate pair, which UTF-8 cannot hold: such a half becomes U+FFFD.
std::string without_lone_surrogates(std::string line) {
    const auto code = [&](std::size_t at) {
        unsigned value = 0;
        if (at + 6 <= line.size() && line[at] == '\\' && line[at + 1] == 'u')
            std::from_chars(line.data() + at + 2, line.data() + at + 6, value, 16);
        return value;
    };
    for (std::size_t at = 0; at < line.size(); ++at) {
        if (line[at] != '\\') continue;
        const unsigned kind = code(at) & 0xFC00;
        const bool pair = kind == 0xD800 && (code(at + 6) & 0xFC00) == 0xDC00;
        if (!pair && (kind == 0xD800 || kind == 0xDC00)) line.replace(at, 6, "\\ufffd");
        at += pair ? 11 : 1;
    }
    return line;
}

json parse_line(std::string_view line) {
    json row = json::parse(line, nullptr, false);
    if (row.is_discarded() && line.find("\\u") != std::string_view::npos)
        row = json::parse(without_lone_surrogates(std::string(line)), nullptr, false);
    return row;
}

/// The bytes of the part that begins a text: it ends at an empty line, a line end or a space. 0: more must be
/// read to say.
std::size_t part_size(std::string_view text, std::size_t least) {
    if (text.size() <= 2 * least) return 0;
    for (const std::string_view end : {"\n\n", "\n", " "})
        if (const std::size_t at = text.substr(0, 2 * least).find(end, least); at != std::string_view::npos)
            return at + end.size();
    return least + valid_utf8_prefix(text.substr(least, least));
}

/// Without separator: the file is one document, or its parts.
void read_text(const fs::path& path, const std::string& separator, std::size_t part, const TakeText& take) {
    std::string rest;  // the text after the last cut
    double last = 0;
    read_stored(path, [&](const std::string& block, double position) {
        std::size_t from = rest.size() - std::min(rest.size(), separator.size()), begin = 0;
        rest += block;
        last = position;
        for (std::size_t end; !separator.empty() && (end = rest.find(separator, from)) != std::string::npos;
             begin = from = end + separator.size())
            take(rest.substr(begin, end - begin), position);
        for (std::size_t size; part > 0 && (size = part_size(std::string_view(rest).substr(begin), part)) > 0;
             begin += size)
            take(rest.substr(begin, size), position);
        rest.erase(0, begin);
    });
    take(std::move(rest), last);
}

/// Lines may end with \n, \r\n or \r.
void read_json_lines(const fs::path& path, const std::string& field, const TakeText& take,
                     const TakeBad& bad) {
    std::int64_t number = 0;
    const auto read_line = [&](std::string_view line, double position) {
        ++number;
        if (trim(line).empty()) return;
        const json row = parse_line(line);
        const auto found = row.is_object() ? row.find(field) : row.end();
        if (found != row.end() && found->is_string()) return take(found->get<std::string>(), position);
        if (found != row.end() && found->is_null()) return take("", position);
        const bool is_utf8 = valid_utf8_prefix(line) == line.size();
        const std::string what = !is_utf8             ? " is not UTF-8"
                                 : row.is_discarded() ? " is not JSON"
                                                      : " has no text in a field \"" + field + "\"";
        const std::string hint = is_utf8 ? "every line must be an object like {\"" + field +
                                               "\": \"...\"}; --text-column names another field"
                                         : "convert the file: iconv -f ENCODING -t UTF-8";
        bad({row.is_discarded() ? "not_json" : "no_text",
             path.string() + ", line " + std::to_string(number) + what, hint},
            position);
    };
    read_text(path, "\n", 0, [&](const std::string& text, double position) {
        const std::string_view line =
            text.ends_with('\r') ? std::string_view(text).substr(0, text.size() - 1) : text;
        for (std::size_t begin = 0, end = 0; end < line.size() || begin == 0; begin = end + 1) {
            end = std::min(line.find('\r', begin), line.size());
            read_line(line.substr(begin, end - begin), position);
        }
    });
}

/// By content where the name does not say it: the first line is an object, or in a .json file any line.
bool has_json_lines(const fs::path& file, const std::string& kind) {
    if (kind == ".jsonl" || kind == ".ndjson") return true;
    if (is_text_kind(kind)) return false;
    const std::string head = head_of(file);
    const std::string_view text = trim(head), inner = trim(text.substr(text.empty() ? 0 : 1));
    const bool object = text.starts_with('{'), list = text.starts_with('[');
    if (text.empty()) return kind == ".json";  // a shard without rows
    if (object && parse_line(first_line(text)).is_object()) return true;
    if (object && text.find('\n') == std::string_view::npos && text.size() >= kLongLine)
        return true;  // longer than that
    if (kind == ".json" && !list)
        for (const std::string_view line : split_lines(text))
            if (parse_line(line).is_object()) return true;
    if (kind == ".json" || (list && inner.starts_with('{')) || (object && inner.starts_with('"')))
        throw BadRows{"not_json_lines", file.string() + " is not JSON lines: one object a line",
                      "make lines of a list: jq -c '.[]' " + file.filename().string() + " > lines.jsonl"};
    return false;
}

/// What became of the rows.
class Tally {
  public:
    explicit Tally(ReadReport& report) : report_(report) {}
    void good() { ++rows_; }
    void empty() {
        ++rows_;
        ++report_.skipped["empty"];
    }
    void bad(const BadRows& rows, double share) {
        if (rows.rows == 0) return;
        if (bad_ == 0) first_ = rows;
        rows_ += rows.rows;
        bad_ += rows.rows;
        report_.skipped[rows.name] += rows.rows;
        // Nothing else has come: the rest is not worth reading.
        if (bad_ == rows_ && bad_ > 1000 && share > 0.1) end();
    }
    void end() const {
        if (bad_ * kMostBad <= rows_) return;
        throw UserError(first_.what + (rows_ == 1 ? ""
                                                  : ", the first of " + std::to_string(bad_) +
                                                        " bad rows of " + std::to_string(rows_)),
                        first_.hint);
    }

  private:
    ReadReport& report_;
    BadRows first_;
    std::int64_t rows_ = 0, bad_ = 0;
};

void read_one(const CorpusFile& file, const Corpus& corpus, const TakeText& take, const TakeBad& bad,
              ReadReport& report) {
    const std::string kind = kind_of(file.path);
    if (is_parquet(file.path))
        return read_parquet(file.path, corpus.text_column, corpus.parquet_reader, take);
    if (has_json_lines(file.path, kind)) return read_json_lines(file.path, corpus.text_column, take, bad);
    read_text(file.path, corpus.separator, corpus.part_bytes, [&](std::string text, double position) {
        if (text.empty()) return;  // between two separators: no row that was lost
        if (report.note.empty() && text.starts_with("{\"") && parse_line(first_line(text)).is_object())
            report.note = file.path.string() +
                          " looks like JSON lines, but is read as text because of its name: " +
                          "rename it to .jsonl to read a field";
        take(std::move(text), position);
    });
}

}  // namespace

bool is_parquet(const fs::path& file) {
    const std::string kind = kind_of(file);
    char magic[4] = "";
    if (kind != ".parquet" && !is_text_kind(kind))
        std::ifstream(file, std::ios::binary).read(magic, sizeof magic);
    return kind == ".parquet" || std::string_view(magic, sizeof magic) == "PAR1";
}

bool has_json_rows(const fs::path& file, const std::string& field) try {
    const std::string head = head_of(file);
    for (const std::string_view line : split_lines(head)) {
        const json row = parse_line(line);
        if (row.is_object() && row.contains(field) && (row[field].is_string() || row[field].is_null()))
            return true;
    }
    return false;
} catch (const BadRows&) {
    return false;
} catch (const std::exception&) {
    return false;  // damaged; whoever names this file is told
}

void check_readers(const Corpus& corpus) {
    for (const CorpusFile& file : corpus.files)
        if (is_parquet(file.path)) return check_parquet_reader(corpus.parquet_reader);
}

ReadReport read_documents(const Corpus& corpus,
                          const std::function<void(std::string text, Part part, double share)>& take) {
    ReadReport report{corpus.skipped, ""};
    Tally tally(report);
    double before = 0, total = 0;
    for (const CorpusFile& file : corpus.files) total += static_cast<double>(file.bytes);
    for (const CorpusFile& file : corpus.files) {
        const auto take_one = [&](std::string text, double position) {
            if (text.empty()) return tally.empty();
            tally.good();
            take(std::move(text), file.part, std::min(1.0, (before + position) / total));
        };
        const auto bad = [&](const BadRows& rows, double position) {
            tally.bad(rows, (before + position) / total);
        };
        try {
            read_one(file, corpus, take_one, bad, report);
        } catch (const BadRows& rows) {
            bad(rows, 0);
        }
        before += static_cast<double>(file.bytes);
    }
    tally.end();
    return report;
}

}  // namespace autoresearch

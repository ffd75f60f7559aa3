// The helpers that everything foreign goes through before a person or a file gets it.

#include "util/text.h"

#include "fuzz.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    const std::string valid = to_valid_utf8(bytes), line = clean_line(bytes, 40);
    must(valid_utf8_prefix(valid) == valid.size() && valid.size() == bytes.size(), "it is UTF-8");
    must(valid_utf8_prefix(bytes) == bytes.size() ? valid == bytes : valid != bytes, "UTF-8 stays");
    must(line.size() <= 40 && valid_utf8_prefix(line) == line.size(), "a line is short and UTF-8");
    must(clean_line(line, 40) == line && line.find_first_of("\n\r\t\x1b") == std::string::npos,
         "it is clean");
    const std::string shown = without_escapes(bytes);
    must(without_escapes(shown) == shown && valid_utf8_prefix(shown) == shown.size(),
         "nothing unseen is left");
    for (std::size_t most = 0; most < 9; ++most) {
        const std::string cut = clip(valid, most);
        must(cut.size() <= most && valid_utf8_prefix(cut) == cut.size(), "cut between characters");
    }
    std::string joined;
    for (const std::string_view each : split_lines(bytes)) joined.append(each).append("\n");
    must(joined == bytes || joined == bytes + "\n", "lines are the text");
    must(trim(last_line(bytes)).size() == last_line(bytes).size(), "a line is trimmed");
    must(replace_all(replace_all(bytes, "'", "\x1f"), "\x1f", "'") == replace_all(bytes, "\x1f", "'"),
         "it is replaced");
    must(shell_quote(bytes).size() >= bytes.size() + 2, "it is quoted");
    const auto file = scratch().write("file", bytes);
    must(read_file(file) == bytes, "a file reads as written");
    must(bytes.ends_with(file_tail(file, 20)) && file_tail(file, 20).size() <= 20, "a tail is the end");
}

}  // namespace autoresearch

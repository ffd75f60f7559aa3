#include "util/text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <limits>
#include <system_error>
#include <utility>

#include "util/fd.h"

namespace autoresearch {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";

/// First and last of the characters that nobody sees: Unicode's formats without those of a few scripts and of
/// music, variation selectors, and C1 controls.
constexpr std::pair<char32_t, char32_t> kUnseen[] = {{0x80, 0x9F},     {0xAD, 0xAD},      {0x61C, 0x61C},
                                                     {0x180E, 0x180E}, {0x200B, 0x200F},  {0x2028, 0x202E},
                                                     {0x2060, 0x206F}, {0xFE00, 0xFE0F},  {0xFEFF, 0xFEFF},
                                                     {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF}};

/// Length of the terminal's escape that begins this text: a title, a color. 1 if it does not end on its line.
std::size_t escape_length(std::string_view text) {
    constexpr std::string_view kBetween = " !\"#$%&'()*+,-./", kParameters = "0123456789:;<=>?";
    const std::string_view line = text.substr(0, text.find('\n'));
    const char kind = line.size() > 1 ? line[1] : '\0';
    std::size_t end = 1;
    if (kind == '{') return 1;  // which begins what a program prints
    if (kind == ']' || kind == 'P' || kind == '_' || kind == '^') {
        end = line.find_first_of("\a\x1b", 2);
        if (line.substr(std::min(end, line.size()), 2) == "\x1b\\") return end + 2;
        if (end < line.size() && line[end] == '\x1b') return 1;
    } else if (kind == '[') {
        end = line.find_first_not_of(std::string(kBetween).append(kParameters), 2);
    } else {
        end = line.find_first_not_of(kBetween, 1);
    }
    return end < line.size() && static_cast<unsigned char>(line[end]) < 0x80 ? end + 1 : 1;
}

/// Bytes of the UTF-8 character that begins this text; 0 when none does.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    };
    const int lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4) return 0;
    // Overlong forms, surrogates and anything above U+10FFFF show in the second byte.
    const int least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const int most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(1) < least || byte(1) > most) return 0;
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    for (std::size_t i = 2; i < length; ++i)
        if ((byte(i) & 0xC0) != 0x80) return 0;
    return length;
}

/// Its text is the UTF-8 of one character.
bool is_unseen(std::string_view text) {
    const unsigned char lead = static_cast<unsigned char>(text[0]);
    char32_t code = text.size() == 1 ? lead : lead & (0x7FU >> text.size());
    for (const char byte : text.substr(1)) code = code << 6 | (static_cast<unsigned char>(byte) & 0x3FU);
    return std::any_of(std::begin(kUnseen), std::end(kUnseen),
                       [&](const auto& range) { return code >= range.first && code <= range.second; });
}

/// Of valid UTF-8, which it stays.
std::string without_unseen(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const auto other =
            std::find_if(text.begin(), text.end(), [](char byte) { return (byte & 0x80) != 0; });
        const auto ascii = static_cast<std::size_t>(other - text.begin());
        result.append(text.substr(0, ascii));
        text.remove_prefix(ascii);
        const std::string_view character = text.substr(0, text.empty() ? 0 : utf8_length(text));
        if (!character.empty() && !is_unseen(character)) result.append(character);
        text.remove_prefix(character.size());
    }
    return result;
}

/// Two letters that changed places count as one edit, as people type them.
std::size_t edit_distance(const std::string& a, const std::string& b) {
    std::vector<std::vector<std::size_t>> edits(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            std::size_t& least = edits[i][j] = std::max(i, j);
            if (i == 0 || j == 0) continue;
            const std::size_t substitute = edits[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            least = std::min({edits[i - 1][j] + 1, edits[i][j - 1] + 1, substitute});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                least = std::min(least, edits[i - 2][j - 2] + 1);
        }
    }
    return edits[a.size()][b.size()];
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        // Most text is ASCII: eight bytes at a time.
        std::uint64_t eight;
        while (at + 8 <= text.size() &&
               (std::memcpy(&eight, text.data() + at, 8), (eight & 0x8080808080808080) == 0))
            at += 8;
        const std::size_t length = at < text.size() ? utf8_length(text.substr(at)) : 0;
        if (length == 0) break;
        at += length;
    }
    return at;
}

std::string_view trim(std::string_view text) {
    const auto begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string_view first_line(std::string_view text) {
    text = trim(text);
    return trim(text.substr(0, text.find('\n')));
}

std::string_view last_line(std::string_view text) {
    text = trim(text);
    const auto newline = text.rfind('\n');
    return trim(newline == std::string_view::npos ? text : text.substr(newline + 1));
}

std::vector<std::string_view> split_lines(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto newline = text.find('\n');
        lines.push_back(text.substr(0, newline));
        if (newline == std::string_view::npos) break;
        text.remove_prefix(newline + 1);
    }
    return lines;
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        if (const auto word = trim(text.substr(0, comma)); !word.empty()) words.emplace_back(word);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return words;
}

std::string replace_all(const std::string& text, std::string_view from, std::string_view to) {
    std::string result;  // in place, every match would move all that follows it
    std::size_t done = 0;
    for (std::size_t at; (at = text.find(from, done)) != std::string::npos; done = at + from.size())
        result.append(text, done, at - done).append(to);
    return result.append(text, done);
}

std::string clip(std::string_view text, std::size_t max_bytes) {
    if (text.size() <= max_bytes) return std::string(text);
    constexpr std::string_view kMore = "...";
    if (max_bytes <= kMore.size()) return std::string(kMore.substr(0, max_bytes));
    std::size_t end = max_bytes - kMore.size();
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return std::string(text.substr(0, end)).append(kMore);
}

std::string to_valid_utf8(std::string_view text) {
    std::string result;
    while (true) {
        const std::size_t valid = valid_utf8_prefix(text);
        result.append(text.substr(0, valid));
        if (valid == text.size()) return result;
        result += '?';
        text.remove_prefix(valid + 1);
    }
}

std::string without_escapes(std::string_view text) {
    // First what is no UTF-8 and what nobody sees: neither may stand within an escape and come together to
    // something when that is gone.
    const std::string valid = without_unseen(to_valid_utf8(text));
    std::string result;
    for (std::string_view rest = valid;;) {
        const std::size_t escape = rest.find('\x1b');
        result += rest.substr(0, escape);
        if (escape == std::string_view::npos) return result;
        rest.remove_prefix(escape);
        rest.remove_prefix(escape_length(rest));
    }
}

std::string clean_line(std::string_view text, std::size_t max_bytes) {
    std::string line;
    for (const char byte : without_escapes(text)) {
        if (static_cast<unsigned char>(byte) > ' ' && byte != 0x7f)
            line += byte;
        else if (!line.empty() && line.back() != ' ')
            line += ' ';
    }
    return clip(trim(line), max_bytes);
}

std::string shell_quote(std::string_view text) {
    return std::string("'").append(replace_all(std::string(text), "'", "'\\''")) + "'";
}

namespace {

/// Of a file alone, and never waiting for one.
Fd open_to_read(const std::filesystem::path& path, int flags = 0) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags));
    struct stat status{};
    if (fd && (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))) fd.reset();
    return fd;
}

/// From where it stands to its end, or so many bytes. False if it cannot be read.
bool read_rest(const Fd& fd, std::size_t most, std::string& text) {
    constexpr std::size_t kPiece = 64 << 10;
    for (ssize_t count = 1; count != 0 && text.size() < most;) {
        const std::size_t before = text.size();
        text.resize(before + std::min(kPiece, most - before));
        count = ::read(fd.get(), text.data() + before, text.size() - before);
        text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        if (count < 0 && errno != EINTR) return false;
    }
    return true;
}

}  // namespace

std::optional<std::string> try_read_file(const std::filesystem::path& path) {
    std::string text;
    const Fd fd = open_to_read(path);
    if (!fd || !read_rest(fd, std::numeric_limits<std::size_t>::max(), text)) return std::nullopt;
    return text;
}

std::string read_file(const std::filesystem::path& path) {
    errno = 0;
    auto text = try_read_file(path);
    if (!text) {
        throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(),
                                "cannot read " + path.string());
    }
    return *std::move(text);
}

std::uintmax_t file_length(const std::filesystem::path& path) {
    std::error_code missing;
    const auto size = std::filesystem::file_size(path, missing);
    return missing ? 0 : size;
}

std::string file_tail(const std::filesystem::path& path, std::size_t max_bytes, std::uintmax_t from) {
    const Fd fd = open_to_read(path, O_NOFOLLOW);
    const off_t end = fd ? ::lseek(fd.get(), 0, SEEK_END) : 0;
    const std::uintmax_t size = end > 0 ? static_cast<std::uintmax_t>(end) : 0;
    const std::uintmax_t begin = std::max(from, size - std::min<std::uintmax_t>(size, max_bytes));
    std::string tail;
    if (begin >= size || ::lseek(fd.get(), static_cast<off_t>(begin), SEEK_SET) < 0 ||
        !read_rest(fd, size - begin, tail))
        return {};
    return begin == from ? tail : tail.substr(tail.find('\n') + 1);  // all of it if no line ends
}

std::string nearest(const std::string& word, const std::vector<std::string>& candidates) {
    const auto closer = [&](const std::string& a, const std::string& b) {
        return edit_distance(word, a) < edit_distance(word, b);
    };
    const auto best = std::min_element(candidates.begin(), candidates.end(), closer);
    if (best == candidates.end() || 3 * edit_distance(word, *best) > std::max(word.size(), best->size()))
        return "";
    return *best;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates,
                         const std::string& otherwise) {
    const std::string best = nearest(word, candidates);
    return best.empty() ? otherwise : "did you mean " + best + "?";
}

}  // namespace autoresearch

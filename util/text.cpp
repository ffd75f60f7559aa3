#include "util/text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

namespace autoresearch {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";

/// Length of the terminal escape sequence that starts at `at` (which is ESC).
std::size_t escape_length(std::string_view text, std::size_t at) {
    std::size_t end = at + 1;
    if (end >= text.size()) return 1;
    if (text[end] == '[') {
        for (++end; end < text.size(); ++end) {
            if (text[end] >= '@' && text[end] <= '~') return end + 1 - at;
        }
        return end - at;
    }
    if (text[end] == ']') {
        for (++end; end < text.size(); ++end) {
            if (text[end] == '\a') return end + 1 - at;
            if (text[end] == '\x1b') return std::min(end + 2, text.size()) - at;
        }
        return end - at;
    }
    return 2;
}

/// Bytes of the UTF-8 character that starts at `at`; 0 when none does.
std::size_t utf8_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(at);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0) != 0x80) return 0;
    }
    // Too long forms, surrogates, and above U+10FFFF.
    const unsigned char second = byte(at + 1);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
        return 0;
    }
    return length;
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
        const std::size_t length = at < text.size() ? utf8_length(text, at) : 0;
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

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
    return text;
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

std::string clean_line(std::string_view text, std::size_t max_bytes) {
    std::string line;
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte == 0x1b) {
            at += escape_length(text, at);
        } else if (byte <= ' ' || byte == 0x7f) {
            if (!line.empty() && line.back() != ' ') line += ' ';
            ++at;
        } else {
            line += text[at++];
        }
    }
    return clip(trim(to_valid_utf8(line)), max_bytes);
}

std::string shell_quote(std::string_view text) {
    return std::string("'").append(replace_all(std::string(text), "'", "'\\''")) + "'";
}

std::optional<std::string> try_read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    std::ostringstream text;
    // An empty file sets failbit on `text`, which is no error here.
    text << in.rdbuf();
    if (in.bad() || !std::filesystem::is_regular_file(path)) return std::nullopt;
    return std::move(text).str();
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
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    if (!in) return {};
    const auto size = static_cast<std::streamoff>(in.tellg());
    const auto wanted = size - static_cast<std::streamoff>(from);
    const auto length = std::min<std::streamoff>(wanted, static_cast<std::streamoff>(max_bytes));
    if (length <= 0) return {};
    in.seekg(size - length);
    std::string tail(static_cast<std::size_t>(length), '\0');
    in.read(tail.data(), length);
    tail.resize(static_cast<std::size_t>(in.gcount()));
    if (length < wanted) {
        const auto newline = tail.find('\n');
        if (newline != std::string::npos) tail.erase(0, newline + 1);
    }
    return tail;
}

}  // namespace autoresearch

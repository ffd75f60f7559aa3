#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace autoresearch {

/// Without white space at both ends.
std::string_view trim(std::string_view text);

/// First or last line that is not blank, trimmed; empty when there is none.
std::string_view first_line(std::string_view text);
std::string_view last_line(std::string_view text);

/// Lines without their newlines; a trailing newline does not add an empty line.
std::vector<std::string_view> split_lines(std::string_view text);

/// "a,b" as a and b, without white space around them; nothing for an empty one.
std::vector<std::string> split_list(std::string_view text);

/// Every `from` replaced by `to`; `from` must not be empty.
std::string replace_all(const std::string& text, std::string_view from, std::string_view to);

/// At most `max_bytes` bytes, cut between UTF-8 characters; a cut text ends in "..." (included in the count).
std::string clip(std::string_view text, std::size_t max_bytes);

/// Valid UTF-8 without the escapes that color a terminal, move its cursor or name its window, and without
/// characters that nobody sees: C1 controls, which a terminal obeys too, those that turn the direction of the
/// text, and others that hide a text from a person but not from a model.
std::string without_escapes(std::string_view text);

/// One clean line for people, logs and JSON: without_escapes, control characters and line ends become a
/// space, bytes that are not UTF-8 become '?', runs of spaces become one; trimmed and clipped.
std::string clean_line(std::string_view text, std::size_t max_bytes = 300);

/// Number of bytes at the start of `text` that are valid UTF-8: nothing truncated or overlong, no surrogates.
std::size_t valid_utf8_prefix(std::string_view text);

/// Valid UTF-8: every byte that is not part of a character becomes '?'.
std::string to_valid_utf8(std::string_view text);

/// Quotes the text as one word for /bin/sh.
std::string shell_quote(std::string_view text);

/// The whole file. Throws std::system_error that names the path.
std::string read_file(const std::filesystem::path& path);
/// Nothing if it does not exist, cannot be read, or is no file. Nobody waits for a named pipe.
std::optional<std::string> try_read_file(const std::filesystem::path& path);

/// The last `max_bytes` of a file of ours, not counting its first `from` bytes; starts at a line start if it
/// had to be cut. Empty if the file cannot be read, or is a link that somebody put there.
std::string file_tail(const std::filesystem::path& path, std::size_t max_bytes, std::uintmax_t from = 0);

/// Size of a file in bytes; 0 if there is none.
std::uintmax_t file_length(const std::filesystem::path& path);

/// The candidate with the smallest edit distance to `word`; empty if that is more than a third of its length,
/// or if there are none.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);
/// "did you mean X?" for the nearest; `otherwise` if there is none.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates,
                         const std::string& otherwise);

}  // namespace autoresearch

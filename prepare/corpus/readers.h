#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace autoresearch {

/// Takes a block of text or a whole document; position: in the stored file.
using TakeText = std::function<void(std::string text, double position)>;

/// Rows that cannot be read. Readers throw it where it is about the whole file.
struct BadRows {
    std::string name;  // under which they are counted
    std::string what, hint;
    std::int64_t rows = 1;
};

/// Calls take for the file in blocks, unpacked (gzip and zstd, known by their first bytes) and as UTF-8:
/// UTF-16 and UTF-32 are converted, a byte-order mark is dropped; other bytes stay as they are. Throws
/// BadRows for what is not text, which has zero bytes in its first 4 kB; UserError for a damaged file.
void read_stored(const std::filesystem::path& file, const TakeText& take);

/// The first block of that, some 4 kB at least where the file has them.
std::string head_of(const std::filesystem::path& file);

/// The extension in lower case and without .gz or .zst: ".jsonl", ".parquet", ".txt", ... Except
/// ".parquet.gz", which cannot be read.
std::string kind_of(const std::filesystem::path& file);
std::string lower_extension(const std::filesystem::path& file);
/// An extension of what is text for people or compilers, so that its content decides nothing.
bool is_text_kind(const std::string& kind);
/// By name, or by the first bytes.
bool is_parquet(const std::filesystem::path& file);
/// A line among the first that is an object with a text in this field.
bool has_json_rows(const std::filesystem::path& file, const std::string& field);

/// Starts the reader (PrepareOptions::parquet_reader) and calls take for each row; null is an empty text.
/// Throws BadRows when the file has no such column, or one that is not text.
void read_parquet(const std::filesystem::path& file, const std::string& column,
                  const std::vector<std::string>& reader, const TakeText& take);

[[noreturn]] void throw_cannot_read(const std::filesystem::path& file);  // for errno
[[noreturn]] void throw_damaged(const std::filesystem::path& file, const std::string& what);

}  // namespace autoresearch

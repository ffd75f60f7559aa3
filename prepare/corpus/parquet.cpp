#include <algorithm>
#include <cstdio>
#include <memory>

#include "autoresearch/error.h"
#include "prepare/corpus/prepare.h"
#include "prepare/corpus/readers.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

using Pipe = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// Starts a command and returns its output for reading.
Pipe start(const std::vector<std::string>& command, const std::string& redirection = "") {
    // We handle Ctrl-C; the command ends when we stop reading.
    std::string line = "trap '' INT; exec";
    for (const std::string& word : command) line += " " + shell_quote(word);
    line += redirection;
    return {::popen(line.c_str(), "r"), ::pclose};  // NOLINT(bugprone-command-processor): quoted
}

std::string rest_of(std::FILE* pipe) {
    std::string text(10000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), pipe));
    return text;
}

}  // namespace

// Through read_parquet.py, so that nothing here has to know Arrow. Its output: the number of rows, then each
// row's length and text; numbers are 8 bytes. If a number is all ones, the rest is an error message; one
// less: the number of rows, and why they have no text.
void read_parquet(const fs::path& file, const std::string& column, const std::vector<std::string>& reader,
                  const TakeText& take) {
    constexpr std::uint64_t kError = ~std::uint64_t{0}, kNoText = kError - 1;
    constexpr std::size_t kBlock = 1 << 18;
    std::vector<std::string> command = reader;
    command.insert(command.end(), {fs::absolute(file).string(), column});
    const Pipe pipe = start(command);
    if (!pipe) throw_cannot_read(file);
    const auto read = [&](char* to, std::size_t bytes) {
        if (std::fread(to, 1, bytes, pipe.get()) != bytes) throw_damaged(file, "its reader stopped midway");
    };
    const auto message = [&] {
        return "cannot read " + file.string() + ": " + clean_line(rest_of(pipe.get()));
    };
    const auto number = [&] {
        std::uint64_t value = 0;
        read(reinterpret_cast<char*>(&value), sizeof value);
        if (value == kError) throw UserError(message(), "download or create the file again");
        return value;
    };
    std::uint64_t rows = number();
    if (rows == kNoText) {
        rows = number();
        throw BadRows{"no_text", message(), "--text-column names the column of text",
                      static_cast<std::int64_t>(rows)};
    }
    const auto bytes = static_cast<double>(fs::file_size(file));
    for (std::uint64_t row = 1; row <= rows; ++row) {
        std::string text;
        // A damaged length is not believed before as many bytes have come.
        for (std::uint64_t left = number(); left > 0;) {
            const std::size_t block = std::min<std::uint64_t>(left, kBlock);
            text.resize(text.size() + block);
            read(text.data() + text.size() - block, block);
            left -= block;
        }
        take(std::move(text), bytes * static_cast<double>(row) / static_cast<double>(rows));
    }
}

void check_parquet_reader(const std::vector<std::string>& reader) {
    const auto refuse = [](const std::string& why) {
        throw UserError("cannot read parquet files: " + why, "run scripts/setup");
    };
    if (reader.empty()) refuse("no reader is named");
    for (const std::string& file : {reader.front(), reader.back()})
        if (!fs::exists(file)) refuse(file + " is missing");
    Pipe pipe = start(reader, " 2>&1");
    const std::string output = pipe ? rest_of(pipe.get()) : "";
    if (!pipe || ::pclose(pipe.release()) != 0) refuse(reader.front() + ": " + clean_line(last_line(output)));
}

}  // namespace autoresearch

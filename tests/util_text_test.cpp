#include <gtest/gtest.h>
#include <sys/stat.h>

#include <system_error>

#include "temp_directory.h"
#include "util/text.h"

namespace autoresearch {
namespace {

TEST(Text, LinesAreTrimmedAndBlankOnesSkipped) {
    EXPECT_EQ(trim(" \t a b\r\n"), "a b");
    EXPECT_EQ(trim(" \n"), "");
    EXPECT_EQ(first_line("\n\n  one \ntwo\n"), "one");
    EXPECT_EQ(last_line("one\n two \n\n"), "two");
    EXPECT_EQ(last_line(""), "");
    EXPECT_EQ(split_lines("a\n\nb\n"), (std::vector<std::string_view>{"a", "", "b"}));
    EXPECT_TRUE(split_lines("").empty());
}

TEST(Text, ClipNeverCutsACharacter) {
    const std::string text = "a\u00e9\u20ac\U0001F600z";  // 1 + 2 + 3 + 4 + 1 bytes
    EXPECT_EQ(clip(text, 11), text);
    for (std::size_t size = 0; size < 11; ++size) {
        const std::string cut = clip(text, size);
        EXPECT_LE(cut.size(), size);
        EXPECT_EQ(to_valid_utf8(cut), cut) << size;
    }
    EXPECT_EQ(clip(text, 10), "a\u00e9\u20ac...");
}

TEST(Text, CleanLineIsPlainValidUtf8) {
    EXPECT_EQ(clean_line("\x1b[1;31merror:\x1b[0m  a\tb\nc\x01 \x1b]0;title\x07z"), "error: a b c z");
    EXPECT_EQ(clean_line("caf\xc3\xa9 \xff\xc3"), "caf\u00e9 ??");
    EXPECT_EQ(clean_line("\x1b]0;no end {\x1b[0m}\n\x1b(Bz\x1bP1\x1b\\y"), "]0;no end {} zy");
    EXPECT_EQ(clean_line("\x1b"), "");
    EXPECT_EQ(clean_line("abcdefgh", 6), "abc...");
}

TEST(Text, WhatNobodySeesIsDropped) {
    for (const std::string unseen :
         {"\u0080", "\u0085", "\u009b", "\u009d", "\u009f", "\u00ad",     "\u061c",
          "\u200b", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a",     "\u202e",
          "\u2060", "\u2066", "\u2069", "\ufe0f", "\ufeff", "\U000e0041", "\U000e0100"}) {
        EXPECT_EQ(clean_line("a" + unseen + "b"), "ab");
        EXPECT_EQ(without_escapes("a" + unseen + "b\n" + unseen), "ab\n");
        EXPECT_EQ(clean_line(unseen), "");
    }
    const std::string seen = "\u00a0\u00e9\u061b\u2027\u202f\u20ac\ufdff\ufffd\U0001F600";
    EXPECT_EQ(without_escapes(seen), seen);
}

TEST(Text, WhatIsDroppedDoesNotMakeSomethingElse) {
    EXPECT_EQ(without_escapes("\x1b\u200b[31mred"), "red");
    EXPECT_EQ(without_escapes("\xc2\u200b\x9b"
                              "1m"),
              "??1m");  // would be U+009B
    EXPECT_EQ(without_escapes("\xc2\x1b(B\x9b"
                              "1m"),
              "??1m");
    EXPECT_EQ(without_escapes("\x1b\u00e9\x1b[\u00e9"), "\u00e9[\u00e9") << "no character is cut";
}

TEST(Text, Utf8OutsideTheRangeIsReplaced) {
    EXPECT_EQ(to_valid_utf8("\xc0\x80"), "??");            // too long form of NUL
    EXPECT_EQ(to_valid_utf8("\xed\xa0\x80"), "???");       // a surrogate
    EXPECT_EQ(to_valid_utf8("\xf5\x80\x80\x80"), "????");  // above U+10FFFF
    EXPECT_EQ(to_valid_utf8("\xf0\x9f\x98\x80"), "\U0001F600");
}

TEST(Text, ShellQuoteStandsForTheText) {
    EXPECT_EQ(shell_quote("a b"), "'a b'");
    EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
}

TEST(Text, TailStartsAtALine) {
    const TempDirectory directory;
    const auto file = directory.write("log", "first\nsecond\nthird\n");
    EXPECT_EQ(file_tail(file, 100), "first\nsecond\nthird\n");
    EXPECT_EQ(file_tail(file, 9), "third\n");
    EXPECT_EQ(file_tail(file, 100, 6), "second\nthird\n");
    EXPECT_EQ(file_tail(file, 9, 6), "third\n");
    EXPECT_EQ(file_tail(file, 9, 1000), "");
    EXPECT_EQ(file_tail(directory / "none", 9), "");
    EXPECT_EQ(file_length(file), 19u);
    EXPECT_EQ(file_length(directory / "none"), 0u);
}

TEST(Text, ReadFileSaysWhichFileIsMissing) {
    const TempDirectory directory;
    EXPECT_EQ(read_file(directory.write("empty", "")), "");
    EXPECT_EQ(try_read_file(directory.path()), std::nullopt) << "a directory is no file";
    try {
        (void)read_file(directory / "gone");
        FAIL() << "no exception";
    } catch (const std::system_error& error) {
        EXPECT_NE(std::string(error.what()).find("gone"), std::string::npos);
    }
}

TEST(Text, NobodyWaitsForAPipeOrFollowsALinkToATail) {
    const TempDirectory directory;
    ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(try_read_file(directory / "pipe"), std::nullopt);
    EXPECT_EQ(file_tail(directory / "pipe", 9), "");
    const auto file = directory.write("private", "secret");
    std::filesystem::create_symlink(file, directory / "link");
    EXPECT_EQ(file_tail(directory / "link", 9), "");
    EXPECT_EQ(try_read_file(directory / "link"), "secret") << "people link their files";
}

TEST(Nearest, FindsTheSmallestEditDistance) {
    const std::vector<std::string> keys = {"budget", "seed", "seq_len"};
    EXPECT_EQ(nearest("budgte", keys), "budget");
    EXPECT_EQ(nearest("seqlen", keys), "seq_len");
    EXPECT_EQ(nearest("sed", keys), "seed");
    EXPECT_EQ(nearest("anything", {}), "");
    EXPECT_EQ(nearest("rnu", {"run", "train"}), "run");
    EXPECT_EQ(nearest("/opt/my/agent", {"opencode", "codex"}), "") << "more than a third is another word";
    EXPECT_EQ(did_you_mean("bugdet", keys, "no"), "did you mean budget?");
    EXPECT_EQ(did_you_mean("zzz", keys, "no"), "no");
}

}  // namespace
}  // namespace autoresearch

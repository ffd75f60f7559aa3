#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstring>

#include "temp_directory.h"
#include "util/file_digest.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// As coreutils has it.
std::string b2sum(const fs::path& file) {
    FILE* pipe = ::popen(("b2sum -l 256 '" + file.string() + "' 2>/dev/null").c_str(), "r");
    char digits[65] = "";
    const std::size_t read = std::fread(digits, 1, 64, pipe);
    return ::pclose(pipe) == 0 && read == 64 ? digits : "";
}

TEST(FileDigest, IsTheKnownOne) {
    EXPECT_EQ(blake2b(""), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    EXPECT_EQ(blake2b("abc"), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(FileDigest, IsThatOfOtherPrograms) {
    const TempDirectory folder;
    if (b2sum(folder.write("a", "abc")).empty()) GTEST_SKIP() << "no b2sum here";
    std::string text;
    for (const std::size_t size : {0, 1, 127, 128, 129, 255, 256, 257, 1 << 20, (3 << 20) + 5}) {
        while (text.size() < size) text += static_cast<char>(text.size() * 7 + text.size() / 251);
        const fs::path file = folder.write("file" + std::to_string(size), text);
        EXPECT_EQ(file_digest(file), b2sum(file)) << size;
        EXPECT_EQ(blake2b(text), b2sum(file)) << size;
    }
}

TEST(FileDigest, AChangeShowsThoughSizeAndTimeArePutBack) {
    const TempDirectory folder;
    const fs::path file = folder.write("train.bin", "0123");
    const std::string before = file_digest(file);
    const auto time = fs::last_write_time(file);
    struct stat was{}, is{};
    ::stat(file.c_str(), &was);
    do {  // the clock of a file system may be coarse
        folder.write("train.bin", "0124");
        fs::last_write_time(file, time);
        ::stat(file.c_str(), &is);
    } while (std::memcmp(&was, &is, sizeof is) == 0);
    EXPECT_NE(file_digest(file), before);
    folder.write("train.bin", "0123");
    EXPECT_EQ(file_digest(file), before) << "and so does a change back";
    fs::permissions(file, fs::perms::owner_read);
    EXPECT_EQ(file_digest(file), before) << "touched is not changed";
}

TEST(FileDigest, AFolderIsItsNames) {
    const TempDirectory folder;
    folder.write("include/a.h", "1");
    folder.write("include/b/c.h", "2");
    const std::string before = file_digest(folder / "include");
    folder.write("include/a.h", "3");
    EXPECT_EQ(file_digest(folder / "include"), before) << "files are looked at by themselves";
    folder.write("include/cstdio", "");
    EXPECT_NE(file_digest(folder / "include"), before);
    fs::remove(folder / "include/cstdio");
    EXPECT_EQ(file_digest(folder / "include"), before);
}

TEST(FileDigest, WhatIsNoFileHasNone) {
    const TempDirectory folder;
    EXPECT_EQ(file_digest(folder / "none"), "");
    const fs::path file = folder.write("file", "text");
    const std::string before = file_digest(file);
    fs::remove(file);
    EXPECT_EQ(file_digest(file), "") << "gone since";
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    EXPECT_EQ(file_digest(file), "no plain file") << "and nobody waits for a writer";
}

}  // namespace
}  // namespace autoresearch

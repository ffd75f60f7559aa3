#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>

#include "temp_directory.h"
#include "util/file_digest.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

TEST(FileDigest, IsTheKnownOne) {
    const TempDirectory folder;
    EXPECT_EQ(file_digest(folder.write("empty", "")), "99aa06d3014798d86001c324468d497f");
    EXPECT_EQ(file_digest(folder.write("abc", "abc")), "06b05ab6733a618578af5f94892f3950");
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

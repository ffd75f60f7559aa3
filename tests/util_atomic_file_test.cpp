#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <system_error>
#include <vector>

#include "temp_directory.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

TEST(AtomicFile, ReplacesTheWholeFile) {
    const TempDirectory directory;
    const auto target = directory.write("file", "old and long");
    write_file_atomically(target, "new");
    EXPECT_EQ(read_text(target), "new");
}

TEST(AtomicFile, LeavesNothingBesideATargetItCannotReplace) {
    const TempDirectory directory;
    directory.write("folder/file", "x");
    EXPECT_THROW(write_file_atomically(directory / "folder", "text"), std::system_error);
    const std::filesystem::directory_iterator left(directory.path());
    EXPECT_EQ(std::distance(begin(left), end(left)), 1) << "the folder alone";
}

TEST(AtomicFile, KeepsTheModeOfWhatItReplaces) {
    const TempDirectory directory;
    const auto target = directory.write("script", "#!/bin/sh\n");
    std::filesystem::permissions(target, std::filesystem::perms(0755));
    write_file_atomically(target, "#!/bin/sh\nexit 0\n");
    EXPECT_EQ(std::filesystem::status(target).permissions(), std::filesystem::perms(0755));
    write_file_atomically(directory / "plain", "x");
    EXPECT_EQ(std::filesystem::status(directory / "plain").permissions(), std::filesystem::perms(0644));
}

TEST(AtomicFile, NewFilesHaveTheRightsThatUmaskLeaves) {
    for (const mode_t mask : {0002, 0027, 0077}) {
        const TempDirectory directory;
        const mode_t before = ::umask(mask);
        write_file_atomically(directory / "whole", "x");
        write_file(directory / "simple", "x");
        wait_for_lock(directory / "lock", [] {});
        ::umask(before);
        for (const char* name : {"whole", "simple", "lock"})
            EXPECT_EQ(std::filesystem::status(directory / name).permissions(),
                      std::filesystem::perms(0666 & ~mask))
                << name << " with umask " << mask;
    }
}

TEST(AtomicFile, ANewFolderIsSharedLikeTheOneItIsIn) {
    const TempDirectory directory;
    for (const mode_t mode : {02777, 0700, 02750}) {
        const auto shared = directory / std::to_string(mode);
        std::filesystem::create_directory(shared);
        std::filesystem::permissions(shared, std::filesystem::perms(mode));
        make_folder_like_parent(shared / "a/b");
        for (const char* made : {"a", "a/b"})
            EXPECT_EQ(std::filesystem::status(shared / made).permissions(), std::filesystem::perms(mode));
        EXPECT_NO_THROW(make_folder_like_parent(shared / "a"));
    }
}

TEST(AtomicFile, ALockThatMayOnlyBeReadIsTaken) {
    const TempDirectory directory;
    std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
    const auto file = directory.write("lock", "");
    std::filesystem::permissions(file, std::filesystem::perms(0644));
    const auto as_anybody = [&](const std::string& name) {
        if (::getuid() == 0 && ::setuid(65534) != 0) std::exit(3);
        try {
            wait_for_lock(directory / name, [] { std::exit(4); });
        } catch (const std::system_error& error) {
            std::fputs(error.what(), stderr);
            std::exit(2);
        }
        std::exit(0);
    };
    EXPECT_EXIT(as_anybody("lock"), ::testing::ExitedWithCode(0), "");
    if (::getuid() == 0) {
        EXPECT_EXIT(as_anybody("new"), ::testing::ExitedWithCode(2), "cannot open .*new: Permission denied");
    }
    const Fd held = wait_for_lock(file, [] {});
    EXPECT_EXIT(as_anybody("lock"), ::testing::ExitedWithCode(4), "");
}

TEST(AtomicFile, WhatSomebodyPutInThePlaceOfOurFileIsReplaced) {
    const TempDirectory directory;
    const auto file = directory / "log", elsewhere = directory.write("elsewhere", "mine");
    directory.write("full/of/files", "x");
    const std::vector<std::function<void()>> obstacles = {
        [&] { ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0); },
        [&] { std::filesystem::create_symlink(elsewhere, file); },
        [&] { std::filesystem::create_symlink(directory / "nowhere", file); },
        [&] { std::filesystem::rename(directory / "full", file); },
        [&] { directory.write("log", "a file"); }};
    for (const auto& put : obstacles) {
        std::filesystem::remove(file);
        put();
        write_file(file, "text");
        EXPECT_EQ(read_text(file), "text");
        write_all(open_own_file(file, O_WRONLY | O_APPEND).get(), " and more", "it");
        EXPECT_EQ(read_text(file), "text and more") << "a file stays";
    }
    EXPECT_EQ(read_text(elsewhere), "mine");
    EXPECT_FALSE(std::filesystem::exists(directory / "nowhere"));
}

TEST(AtomicFile, NobodyWaitsForAPipe) {
    const TempDirectory directory;
    ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
    for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR}) {
        try {
            open_file(directory / "pipe", flags);
            FAIL() << "no exception";
        } catch (const std::system_error& error) {
            EXPECT_NE(std::string(error.what()).find("/pipe"), std::string::npos);
        }
    }
}

TEST(AtomicFile, NamesThePathThatCannotBeWritten) {
    const TempDirectory directory;
    try {
        write_file_atomically(directory / "missing" / "file", "x");
        FAIL() << "no exception";
    } catch (const std::system_error& error) {
        EXPECT_NE(std::string(error.what()).find("missing/file"), std::string::npos);
    }
}

}  // namespace
}  // namespace autoresearch
